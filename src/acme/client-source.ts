import type { KeyObject } from 'node:crypto';
import { CertmanError, type FailureCode } from '../failures/failure.ts';
import { parseAccount, parseAccountKey, type StoredAccount } from './account.ts';
import { CaHealth, type CaHealthOptions } from './ca-health.ts';
import { AcmeClient } from './client.ts';
import { caNameOf } from './directory.ts';
import type { Seals } from './seals.ts';
import { type AcmeSession, createSession, type RequestObserver } from './session.ts';
import { Signer } from './signer.ts';
import { AcmeTransport, type TransportOptions } from './transport.ts';

/** Reads the ACME account; implemented by `src/kubernetes/objects/operator-settings.ts`. */
export interface AccountStore {
  /** @throws CertmanError `acme/accountMissing`. */
  account(): Promise<StoredAccount>;
  invalidate(): void;
}

/** How clients of the CA are created. */
export interface AcmeClientSourceOptions extends TransportOptions {
  readonly accounts: AccountStore;
  /** Default: Let's Encrypt's directory, by the host of the account URL. */
  readonly directoryUrl?: string | undefined;
  readonly onRequest?: RequestObserver | undefined;
  /** Default: it never counts as failing. */
  readonly health?: CaHealthOptions;
  /** Receives what an operator must know. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Refusals that an account that was corrected meanwhile can explain. */
const ACCOUNT_REJECTED_CODES = new Set<FailureCode>([
  'acme/accountUnknown',
  'acme/accountInvalid',
  'acme/unauthorized',
]);

const NO_ACCOUNT_CODES = new Set<FailureCode>(['acme/accountMissing', 'acme/accountInvalid']);

/** Clients of the CA under the current account. Nonces and directory are kept while the account stays the same. */
export class AcmeClientSource {
  readonly #options: AcmeClientSourceOptions;
  readonly #transport: AcmeTransport;
  /** Of the CA, whatever its account. */
  readonly health: CaHealth;
  #current: { readonly stored: StoredAccount; readonly session: AcmeSession } | undefined;

  constructor(options: AcmeClientSourceOptions) {
    this.#options = options;
    this.#transport = new AcmeTransport(options);
    this.health = new CaHealth(options.health ?? { failoverAfterMs: Number.POSITIVE_INFINITY });
  }

  /** Name (`caNameOf`) of the CA; empty while it is not known, because no account was read and none is configured. */
  get name(): string {
    const directoryUrl = this.#options.directoryUrl ?? this.#current?.session.account.directoryUrl;
    return directoryUrl === undefined ? '' : caNameOf(directoryUrl);
  }

  /** @throws CertmanError `acme/accountMissing`, `acme/accountInvalid`, or what `work` throws; the signal's reason. */
  async withClient<Result>(work: (ca: AcmeClient) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    try {
      return await work(new AcmeClient(await this.#session(), signal));
    } catch (error) {
      if (error instanceof CertmanError && ACCOUNT_REJECTED_CODES.has(error.code)) this.#options.accounts.invalidate();
      throw error;
    }
  }

  /** Name (`caNameOf`) of the CA that an order would go to now; undefined without a usable account. */
  async caHost(): Promise<string | undefined> {
    return await this.#unlessMissing(async () => caNameOf((await this.#session()).account.directoryUrl));
  }

  /** The seals under the present account. @throws CertmanError `acme/accountMissing`, `acme/accountInvalid`. */
  async seals(): Promise<Seals> {
    return (await this.#session()).seals;
  }

  /** The seals under the present account; undefined without a usable one. */
  async sealsIfUsable(): Promise<Seals | undefined> {
    return await this.#unlessMissing(async () => (await this.#session()).seals);
  }

  async #unlessMissing<Result>(read: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof CertmanError && NO_ACCOUNT_CODES.has(error.code)) return undefined;
      throw error;
    }
  }

  async #session(): Promise<AcmeSession> {
    const stored = await this.#options.accounts.account();
    const current = this.#current;
    const isSameKey = current?.stored.privateKeyPem === stored.privateKeyPem;
    if (isSameKey && current.stored.accountUrl === stored.accountUrl && current.stored.sealKey === stored.sealKey) {
      return current.session;
    }
    const account = this.#parse(stored);
    const session = createSession(account, this.#transport, {
      observe: this.#options.onRequest,
      otherKey: (thumbprint) => this.#otherKey(account.url, thumbprint),
      health: this.health,
    });
    // After a rollover, it is the same account: nonces, limits and orders stay.
    const isSameAccount = current?.session.account.url === account.url && current.session.seals.equals(session.seals);
    if (!isSameAccount) {
      this.#current = { stored, session };
      return session;
    }
    // Where only the seal key was added, the session may use the next key already.
    if (!isSameKey) current.session.useKey(account.key);
    this.#current = { stored, session: current.session };
    return current.session;
  }

  /** What cannot be used is read again by the next caller: it may be corrected, and a signal then says so only once. */
  #parse(stored: StoredAccount): ReturnType<typeof parseAccount> {
    try {
      return parseAccount(stored, this.#options.directoryUrl);
    } catch (error) {
      this.#options.accounts.invalidate();
      throw error;
    }
  }

  /** During a rollover, the CA knows one of two keys; after it, the Secret has one that this process has not read yet. */
  async #otherKey(accountUrl: string, refused: string): Promise<KeyObject | undefined> {
    this.#options.accounts.invalidate();
    const stored = await this.#options.accounts.account();
    const { url, key } = parseAccount(stored, this.#options.directoryUrl);
    if (url !== accountUrl) return undefined;
    if (new Signer(key).thumbprint !== refused) return key;
    if (stored.nextPrivateKeyPem === undefined) return undefined;
    this.#options.onWarning?.(
      `The CA refuses the key of the ACME account ${accountUrl}, and a rollover of it is unfinished: the next key is used. Complete it with "certman account rollover --yes", with --secret for an account of CERTMAN_FALLBACK_ACCOUNTS or CERTMAN_STAGING_ACCOUNT.`,
    );
    return parseAccountKey(stored.nextPrivateKeyPem);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}
