import { CertmanError, type FailureCode } from '../failures/failure.ts';
import { parseAccount, type StoredAccount } from './account.ts';
import { AcmeCa, type RequestObserver } from './client.ts';
import { AcmeTransport } from './transport.ts';

/** Where the ACME account is kept; `src/kubernetes/operator-settings.ts` is one. */
export interface AccountStore {
  /** @throws CertmanError `acme/accountMissing`. */
  account(): Promise<StoredAccount>;
  /** Forget what was read: the next call reads anew. */
  invalidate(): void;
}

export interface CaSourceOptions {
  readonly accounts: AccountStore;
  /** The CA's directory; absent: Let's Encrypt's, by the host of the account URL. */
  readonly directoryUrl?: string | undefined;
  readonly caBundlePem?: string | undefined;
  /** Version of certman, for the User-Agent (RFC 8555 §6.1). */
  readonly version: string;
  readonly observe?: RequestObserver | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Refusals after which the account is read anew, since it may have been corrected. */
const ABOUT_THE_ACCOUNT = new Set<FailureCode>(['acme/accountUnknown', 'acme/accountInvalid', 'acme/unauthorized']);

const WITHOUT_ACCOUNT = new Set<FailureCode>(['acme/accountMissing', 'acme/accountInvalid']);

/** The CA under the account of this moment. Its client, with nonces and directory, lives as long as the account stays the same. */
export class CaSource {
  readonly #options: CaSourceOptions;
  readonly #transport: AcmeTransport;
  #current: { readonly stored: StoredAccount; readonly ca: AcmeCa } | undefined;

  constructor(options: CaSourceOptions) {
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
  async use<Result>(work: (ca: AcmeCa) => Promise<Result>): Promise<Result> {
    try {
      return await work(this.#caFor(await this.#options.accounts.account()));
    } catch (error) {
      if (error instanceof CertmanError && ABOUT_THE_ACCOUNT.has(error.code)) this.#options.accounts.invalidate();
      throw error;
    }
  }

  /**
   * Host of the directory that an order would go to now.
   * @returns undefined while there is no usable account: what is to be ordered then says so itself.
   */
  async environment(): Promise<string | undefined> {
    try {
      return this.#caFor(await this.#options.accounts.account()).host;
    } catch (error) {
      if (error instanceof CertmanError && WITHOUT_ACCOUNT.has(error.code)) return undefined;
      throw error;
    }
  }

  #caFor(stored: StoredAccount): AcmeCa {
    const current = this.#current;
    if (current?.stored.privateKeyPem === stored.privateKeyPem && current.stored.accountUrl === stored.accountUrl) {
      return current.ca;
    }
    const account = parseAccount(stored, this.#options.directoryUrl);
    const ca = new AcmeCa(account, this.#transport, this.#options.observe);
    this.#current = { stored, ca };
    return ca;
  }

  /** Ends all connections to the CA. */
  close(): Promise<void> {
    return this.#transport.close();
  }
}
