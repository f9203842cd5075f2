import { gaxios, JWT } from 'google-auth-library';
import { type Dispatcher, fetch } from 'undici';
import { CertmanError } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import type { GoogleCredentials } from '../../kubernetes/objects/google-credentials.ts';
import { unreachable } from './google-error.ts';

/** The narrowest scope that lets records be changed (discovery document of Cloud DNS, changes.create). */
const SCOPE = 'https://www.googleapis.com/auth/ndev.clouddns.readwrite';

const TOKEN_TIMEOUT_MS = 20_000;

/** Access tokens of one service account, by Google's library: kept until shortly before they expire. */
export class AccessTokens {
  readonly #credentials: GoogleCredentials;
  readonly #transporter: gaxios.Gaxios;
  #client: JWT;

  constructor(credentials: GoogleCredentials, connections: Dispatcher) {
    this.#credentials = credentials;
    this.#transporter = new gaxios.Gaxios({
      fetchImplementation: (async (url: string | URL, init: RequestInit) =>
        await fetch(url, {
          method: init.method,
          headers: Object.fromEntries(new Headers(init.headers)),
          body: init.body as string | URLSearchParams,
          signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS),
          dispatcher: connections,
        })) as unknown as typeof globalThis.fetch,
    });
    // certman retries itself, and later.
    this.#transporter.interceptors.request.add({
      resolved: (options) => Promise.resolve({ ...options, retryConfig: { retry: 0, noResponseRetries: 0 } }),
    });
    this.#client = this.#createClient();
  }

  /** @throws CertmanError `dns/accessDenied` where Google refuses the key, `dns/unreachable`, `dns/unexpected`. */
  async get(): Promise<string> {
    const doing = `give service account ${this.#credentials.clientEmail} an access token`;
    try {
      const { token } = await this.#client.getAccessToken();
      if (token) return token;
    } catch (error) {
      throw fromTokenError(doing, error);
    }
    throw new CertmanError({ code: 'dns/unexpected', message: `Google did not ${doing}, and gave no reason.` });
  }

  /** Google refused the token: the next one is a new one. */
  invalidate(): void {
    this.#client = this.#createClient();
  }

  #createClient(): JWT {
    const { clientEmail: email, privateKey: key } = this.#credentials;
    return new JWT({ email, key, scopes: [SCOPE], transporter: this.#transporter });
  }
}

function fromTokenError(doing: string, error: unknown): CertmanError {
  const status = error instanceof gaxios.GaxiosError ? error.response?.status : undefined;
  if (status === undefined || status >= 500) return unreachable(doing, error);
  const message = `Google did not ${doing}: HTTP ${status}: ${oneLine(error instanceof Error ? error.message : '', 300)}`;
  if (status === 429) {
    return new CertmanError({
      code: 'dns/throttled',
      message,
      remedy: 'It is retried in some seconds.',
      notBefore: new Date(Date.now() + 5_000),
    });
  }
  return new CertmanError({
    code: 'dns/accessDenied',
    message,
    remedy: 'Put a key of a service account that exists and is enabled into the Secret; issuance then continues.',
  });
}
