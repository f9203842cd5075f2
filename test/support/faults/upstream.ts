/** The real server behind a proxy of the tests', over kept-alive connections. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export interface UpstreamOptions {
  /** URL of the server; its path is not used. */
  readonly target: string;
  /** PEM that the server is trusted by. */
  readonly targetCaPem?: string;
}

export class Upstream {
  readonly #target: URL;
  readonly #agent: HttpAgent;

  constructor({ target, targetCaPem: ca }: UpstreamOptions) {
    this.#target = new URL(target);
    this.#agent =
      this.#target.protocol === 'https:'
        ? new HttpsAgent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) })
        : new HttpAgent({ keepAlive: true });
  }

  /**
   * The same request anew, with its Host header, from which ACME servers build URLs.
   * @param send gives it its body and ends it.
   * @returns the server's answer.
   */
  forward(request: IncomingMessage, send: (onward: ClientRequest) => void): Promise<IncomingMessage> {
    const open = this.#target.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const onward = open({
        host: this.#target.hostname,
        port: this.#target.port,
        method: request.method,
        path: request.url,
        headers: request.headers,
        agent: this.#agent,
      });
      onward.on('response', resolve);
      onward.on('error', reject);
      send(onward);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
