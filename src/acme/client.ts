import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import { parseRetryAfter } from '../failures/retry-after.ts';
import { type AcmeDirectory, caNameOf } from './directory.ts';
import { linksOf } from './link-header.ts';
import { errorFromResponse, isWebPage, refusalTypeOf } from './problems.ts';
import type { AcmeSession } from './session.ts';
import { sendSigned } from './signed-request.ts';
import type { TransportResponse } from './transport.ts';
import { parseAcmeUrl } from './url.ts';

/** An answer of the CA, validated by its schema. */
export interface AcmeResponse<Body> {
  readonly body: Body;
  /** Absolute URL of the created resource (`Location`). */
  readonly location?: string;
  readonly retryAfter?: Date;
  /** URLs of other chains for a certificate (`Link`, RFC 8555 §7.4.2). */
  readonly alternates: readonly string[];
}

/** What each request asks of the CA, by resource: completes "The CA refused …" in error messages. */
const REQUEST_DESCRIPTIONS = {
  newAccount: 'the account',
  account: 'to show or update the account',
  keyChange: 'the new key of the account',
  newOrder: 'the new order',
  order: 'to show the order',
  authorization: 'to show the authorization',
  challenge: 'to validate the challenge',
  finalize: 'to finalize the order',
  certificate: 'to return the certificate',
  revokeCert: 'to revoke the certificate',
  renewalInfo: 'to return renewal information',
} as const;

/** The kinds of resource, as metrics label them. */
export type AcmeResource = keyof typeof REQUEST_DESCRIPTIONS;

/** A request for a resource, and the schema of its body. */
export interface GetOptions<Body> {
  readonly resource: AcmeResource;
  readonly url: string;
  readonly schema: z.ZodType<Body>;
}

/** A signed request (RFC 8555 §6.2), and the schema of its answer. */
export interface PostOptions<Body> extends GetOptions<Body> {
  /** null: POST-as-GET (RFC 8555 §6.3). */
  readonly payload: object | null;
  /** null: signed by the key alone, as newAccount requires (RFC 8555 §7.3). Default: under the account's URL. */
  readonly kid?: null;
  /** Thumbprint of the only account key that the request makes sense with. */
  readonly onlyUnderKey?: string | undefined;
}

/** Sends requests under one account: validates answers, throws `AcmeProblemError`, retries only badNonce. */
export class AcmeClient {
  /** Its name by `caNameOf`. */
  readonly host: string;
  /** Cancels every request of this client. */
  readonly signal: AbortSignal | undefined;
  readonly session: AcmeSession;

  constructor(session: AcmeSession, signal?: AbortSignal) {
    this.host = caNameOf(session.account.directoryUrl);
    this.signal = signal;
    this.session = session;
  }

  /** The same client without a signal, for requests that must not be cancelled once sent. */
  uncancelled(): AcmeClient {
    return new AcmeClient(this.session);
  }

  /** Cached. @throws CertmanError when there is none to return. */
  directory(): Promise<AcmeDirectory> {
    return this.#learn('directory', () => this.session.directory());
  }

  /** Whether a URL belongs to this CA: its host is that of the directory or of newOrder. */
  async ownsUrl(url: string): Promise<boolean> {
    if (!URL.canParse(url)) return false;
    const { host } = new URL(url);
    return (
      host === new URL(this.session.account.directoryUrl).host ||
      host === new URL((await this.directory()).newOrder).host
    );
  }

  /** Sends a signed request. @throws CertmanError of any `acme/` code. */
  post<Body>(options: PostOptions<Body>): Promise<AcmeResponse<Body>> {
    const signed = { kid: this.session.account.url, ...options };
    return this.#learn(options.resource, () =>
      this.#answer(options, () => sendSigned(this.session, signed, this.signal)),
    );
  }

  /** Sends an unsigned GET, as renewal information allows (RFC 9773 §4.1). @throws like {@link post}. */
  get<Body>(options: GetOptions<Body>): Promise<AcmeResponse<Body>> {
    return this.#learn(options.resource, () =>
      this.#answer(options, () => this.session.transport.send('GET', options.url, undefined, this.signal)),
    );
  }

  async #learn<Result>(resource: string, request: () => Promise<Result>): Promise<Result> {
    const { health } = this.session;
    try {
      const result = await request();
      health?.succeeded(resource);
      return result;
    } catch (error) {
      health?.failed(resource, error);
      throw error;
    }
  }

  async #answer<Body>(options: GetOptions<Body>, send: () => Promise<TransportResponse>): Promise<AcmeResponse<Body>> {
    const started = performance.now();
    const answer = await send();
    const { status, headers, data } = answer;
    const seconds = (performance.now() - started) / 1000;
    this.session.observe?.(options.resource, status, seconds, refusalTypeOf(answer));
    const what = REQUEST_DESCRIPTIONS[options.resource];
    if (status >= 300) throw errorFromResponse(this.host, what, answer);
    // Of any schema: a revocation has no content, and would count as done.
    if (isWebPage(answer)) {
      const message = `The CA ${this.host} was asked ${what}, and a web page came back (HTTP ${status}): a load balancer or proxy answered in its place.`;
      throw new CertmanError({ code: 'acme/unreachable', message });
    }
    const parsed = options.schema.safeParse(data);
    if (!parsed.success) {
      const message = `The CA ${this.host} was asked ${what} and answered (HTTP ${status}) in a form that is not ACME's: ${z.prettifyError(parsed.error).slice(0, 300)}`;
      throw new CertmanError({ code: 'acme/unexpected', message });
    }
    const location = this.#locationOf(answer, options);
    const retryAfter = parseRetryAfter(headers['retry-after'], new Date());
    return { body: parsed.data, location, retryAfter, alternates: linksOf(headers.link, 'alternate', options.url) };
  }

  #locationOf(
    { headers: { location } }: TransportResponse,
    { url, resource }: { url: string; resource: AcmeResource },
  ) {
    if (location === undefined) return undefined;
    const found = parseAcmeUrl(location, url);
    if (found !== undefined) return found;
    throw new CertmanError({
      code: 'acme/unexpected',
      message: `The CA ${this.host} was asked ${REQUEST_DESCRIPTIONS[resource]} and answered with a Location that is no https URL.`,
    });
  }
}
