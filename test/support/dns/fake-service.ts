/** What fakes of DNS services that have no emulator share: a server on loopback that clients reach by any host name. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Agent, buildConnector, type Dispatcher } from 'undici';

/** An answer in the place of the service's. */
export interface Refusal {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A fake of one service. `Request` is what it has understood of a request to its API. */
export abstract class FakeService<Request> {
  readonly requests: Request[] = [];
  /** What no client of the service does. */
  readonly violations: string[] = [];
  /** An answer in the place of the API's; `cut` closes the connection. */
  refuse: (request: Request) => Refusal | 'cut' | undefined = () => undefined;
  refuseToken: () => Refusal | undefined = () => undefined;
  pageSize = 2;
  tokens = 0;
  /** To the fake, in plain HTTP, whatever host is asked for. */
  readonly connections: Dispatcher;
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch((error: unknown) => {
      this.violations.push(String(error));
      response.writeHead(500).end();
    });
  });
  #port = 0;

  constructor() {
    const connect = buildConnector({});
    this.connections = new Agent({
      connect: (options, callback) =>
        connect({ ...options, protocol: 'http:', hostname: '127.0.0.1', port: String(this.#port) }, callback),
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await this.connections.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** @throws for a request that no client of the service makes. */
  protected abstract answerTo(request: IncomingMessage, sent: string): Refusal | 'cut';

  /** Records a request to the API. @returns the answer that a test wants in the place of the service's. */
  protected seen(request: Request): Refusal | 'cut' | undefined {
    this.requests.push(request);
    return this.refuse(request);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = this.answerTo(request, await text(request));
    if (answer === 'cut') return void request.socket.destroy();
    const { status, body, headers = {} } = answer;
    const isText = typeof body === 'string';
    response.writeHead(status, {
      'content-type': isText ? 'text/html' : 'application/json; charset=utf-8',
      ...headers,
    });
    response.end(isText ? body : body === undefined ? '' : JSON.stringify(body));
  }
}
