/** The real server behind a proxy of the tests', over kept-alive connections. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export interface UpstreamOptions {
  /** URL of the server; its path is not used. */
  readonly target: string;
  /** PEM that the server is trusted by. */
  readonly targetCaPem?: string;
  /** How many requests the server handles at once; the others wait. Default: any number. */
  readonly maxConnections?: number;
}

/**
 * Pebble 2.10.1 can deadlock: it looks for an authorization to reuse under the lock of its store and waits for that of an
 * authorization, while a handler holds that one and waits for the store. Requests then stay unanswered until it restarts.
 */
export const PEBBLE_CONNECTIONS = { maxConnections: 1 } as const;

export class Upstream {
  readonly #target: URL;
  readonly #agent: HttpAgent;

  constructor({ target, targetCaPem: ca, maxConnections: maxSockets = Number.POSITIVE_INFINITY }: UpstreamOptions) {
    this.#target = new URL(target);
    this.#agent =
      this.#target.protocol === 'https:'
        ? new HttpsAgent({ keepAlive: true, maxSockets, ...(ca === undefined ? {} : { ca }) })
        : new HttpAgent({ keepAlive: true, maxSockets });
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
