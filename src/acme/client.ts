import { createHash } from 'node:crypto';
import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import { parseRetryAfter } from '../failures/retry-after.ts';
import { type AcmeAccount, publicJwk } from './account.ts';
import { type AcmeDirectory, DirectoryCache } from './directory.ts';
import { NoncePool } from './nonce-pool.ts';
import { errorFromResponse } from './problems.ts';
import { ReadyOrders } from './ready-orders.ts';
import { type AcmeSession, SignedRequest } from './signed-request.ts';
import type { AcmeTransport, TransportResponse } from './transport.ts';

/** An answer of the CA, read by its schema. */
export interface AcmeResponse<Body> {
  readonly body: Body;
  /** URL of the resource made (`Location`). */
  readonly location?: string;
  /** When the CA wants to be asked again. */
  readonly retryAfter?: Date;
}

/** Called once for each request that was answered: for metrics. `resource` is as in `newOrder`, `authorization`. */
export type RequestObserver = (resource: AcmeResource, status: number, seconds: number) => void;

/** The kinds of resource, as requests are named in errors and metrics. */
export type AcmeResource =
  | 'newAccount'
  | 'newOrder'
  | 'order'
  | 'authorization'
  | 'challenge'
  | 'finalize'
  | 'certificate'
  | 'revokeCert'
  | 'renewalInfo';

const REQUEST_DESCRIPTIONS: Readonly<Record<AcmeResource, string>> = {
  newAccount: 'the account',
  newOrder: 'the new order',
  order: 'to show the order',
  authorization: 'to show the authorization',
  challenge: 'to look at the challenge',
  finalize: 'to finalize the order',
  certificate: 'to hand out the certificate',
  revokeCert: 'to revoke the certificate',
  renewalInfo: 'to say when the certificate should be renewed',
};

export interface GetOptions<Body> {
  readonly resource: AcmeResource;
  readonly url: string;
  readonly schema: z.ZodType<Body>;
  readonly signal?: AbortSignal | undefined;
}

export interface PostOptions<Body> extends GetOptions<Body> {
  /** null: POST-as-GET (RFC 8555 §6.3). */
  readonly payload: object | null;
}

/**
 * A CA as seen through one account. Every answer is validated; every refusal is an `AcmeProblemError`; nothing is retried
 * except a bad nonce. Safe for any number of requests at once.
 */
export class AcmeClient {
  /** Host of the directory: how a person names the environment. */
  readonly host: string;
  /** `base64url(SHA-256(JWK))` (RFC 7638): the second half of a key authorization (RFC 8555 §8.1). */
  readonly thumbprint: string;
  readonly readyOrders = new ReadyOrders();
  readonly #session: AcmeSession;
  readonly #observe: RequestObserver | undefined;

  constructor(account: AcmeAccount, transport: AcmeTransport, observe?: RequestObserver) {
    const jwk = publicJwk(account.key);
    this.host = new URL(account.directoryUrl).host;
    this.thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
    this.#observe = observe;
    this.#session = {
      account,
      jwk,
      transport,
      directory: new DirectoryCache(transport, account.directoryUrl),
      nonces: new NoncePool(),
    };
  }

  get account(): AcmeAccount {
    return this.#session.account;
  }

  directory(): Promise<AcmeDirectory> {
    return this.#session.directory.get();
  }

  /** Whether a URL is one of this CA's: on a host that its directory uses. Orders of another environment are not. */
  async ownsUrl(url: string): Promise<boolean> {
    if (!URL.canParse(url)) return false;
    const { host } = new URL(url);
    return host === this.host || host === new URL((await this.directory()).newOrder).host;
  }

  /** One signed request under the account's URL. @throws CertmanError of any `acme/` code. */
  post<Body>(options: PostOptions<Body>): Promise<AcmeResponse<Body>> {
    return this.#send(options, this.#session.account.url);
  }

  /** One request signed by the bare key, as only newAccount takes it (RFC 8555 §7.3). */
  postWithKey<Body>(options: PostOptions<Body>): Promise<AcmeResponse<Body>> {
    return this.#send(options, null);
  }

  /** One request that nobody signs: what anybody may know (RFC 9773 §4.1). @throws CertmanError of any `acme/` code. */
  get<Body>(options: GetOptions<Body>): Promise<AcmeResponse<Body>> {
    return this.#answer(options, () => this.#session.transport.send('GET', options.url, undefined, options.signal));
  }

  #send<Body>(options: PostOptions<Body>, kid: string | null): Promise<AcmeResponse<Body>> {
    return this.#answer(options, () =>
      new SignedRequest(this.#session, options.signal).signedRequest(options.url, options.payload, { kid }),
    );
  }

  async #answer<Body>(options: GetOptions<Body>, ask: () => Promise<TransportResponse>): Promise<AcmeResponse<Body>> {
    const started = performance.now();
    const answer = await ask();
    this.#observe?.(options.resource, answer.status, (performance.now() - started) / 1000);
    const now = new Date();
    if (answer.status >= 300) {
      throw errorFromResponse({
        host: this.host,
        what: REQUEST_DESCRIPTIONS[options.resource],
        status: answer.status,
        body: answer.data,
        retryAfter: answer.headers['retry-after'],
        now,
      });
    }
    const retryAfter = parseRetryAfter(answer.headers['retry-after'], now);
    const { location } = answer.headers;
    return {
      body: this.#read(options, answer),
      ...(location === undefined ? {} : { location: new URL(location, options.url).href }),
      ...(retryAfter === undefined ? {} : { retryAfter }),
    };
  }

  #read<Body>(options: GetOptions<Body>, answer: TransportResponse): Body {
    const parsed = options.schema.safeParse(answer.data);
    if (parsed.success) return parsed.data;
    throw new CertmanError({
      code: 'acme/unexpected',
      message: `The CA ${this.host} was asked ${REQUEST_DESCRIPTIONS[options.resource]} and answered (HTTP ${answer.status}) in a form that is not ACME's: ${z.prettifyError(parsed.error).slice(0, 300)}`,
    });
  }
}
