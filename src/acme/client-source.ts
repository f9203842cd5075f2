import { CertmanError, type FailureCode } from '../failures/failure.ts';
import { parseAccount, type StoredAccount } from './account.ts';
import { AcmeClient, type RequestObserver } from './client.ts';
import { AcmeTransport } from './transport.ts';

/** Where the ACME account is kept; `src/kubernetes/operator-settings.ts` is one. */
export interface AccountStore {
  /** @throws CertmanError `acme/accountMissing`. */
  account(): Promise<StoredAccount>;
  /** Forget what was read: the next call reads anew. */
  invalidate(): void;
}

export interface AcmeClientSourceOptions {
  readonly accounts: AccountStore;
  /** The CA's directory; absent: Let's Encrypt's, by the host of the account URL. */
  readonly directoryUrl?: string | undefined;
  readonly caBundlePem?: string | undefined;
  /** Version of certman, for the User-Agent (RFC 8555 §6.1). */
  readonly version: string;
  readonly onRequest?: RequestObserver | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Refusals after which the account is read anew, since it may have been corrected. */
const ACCOUNT_REJECTED_CODES = new Set<FailureCode>([
  'acme/accountUnknown',
  'acme/accountInvalid',
  'acme/unauthorized',
]);

const NO_ACCOUNT_CODES = new Set<FailureCode>(['acme/accountMissing', 'acme/accountInvalid']);

/** The CA under the account of this moment. Its client, with nonces and directory, lives as long as the account stays the same. */
export class AcmeClientSource {
  readonly #options: AcmeClientSourceOptions;
  readonly #transport: AcmeTransport;
  #current: { readonly stored: StoredAccount; readonly ca: AcmeClient } | undefined;

  constructor(options: AcmeClientSourceOptions) {
    this.#options = options;
    this.#transport = new AcmeTransport({
      userAgent: `certman/${options.version}`,
      ...(options.caBundlePem === undefined ? {} : { caBundlePem: options.caBundlePem }),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    });
  }

  /**
   * Does some work with the CA.
   * @throws CertmanError of the work, or `acme/accountMissing`, `acme/accountInvalid`.
   */
  async withClient<Result>(work: (ca: AcmeClient) => Promise<Result>): Promise<Result> {
    try {
      return await work(this.#caFor(await this.#options.accounts.account()));
    } catch (error) {
      if (error instanceof CertmanError && ACCOUNT_REJECTED_CODES.has(error.code)) this.#options.accounts.invalidate();
      throw error;
    }
  }

  /**
   * Host of the directory that an order would go to now.
   * @returns undefined while there is no usable account: what is to be ordered then says so itself.
   */
  async caHost(): Promise<string | undefined> {
    try {
      return this.#caFor(await this.#options.accounts.account()).host;
    } catch (error) {
      if (error instanceof CertmanError && NO_ACCOUNT_CODES.has(error.code)) return undefined;
      throw error;
    }
  }

  #caFor(stored: StoredAccount): AcmeClient {
    const current = this.#current;
    if (current?.stored.privateKeyPem === stored.privateKeyPem && current.stored.accountUrl === stored.accountUrl) {
      return current.ca;
    }
    const account = parseAccount(stored, this.#options.directoryUrl);
    const ca = new AcmeClient(account, this.#transport, this.#options.onRequest);
    this.#current = { stored, ca };
    return ca;
  }

  /** Ends all connections to the CA. */
  close(): Promise<void> {
    return this.#transport.close();
  }
}
