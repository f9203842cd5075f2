import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import { errorFromResponse } from './problems.ts';
import type { AcmeTransport } from './transport.ts';

/** What certman uses of a directory (RFC 8555 §7.1.1). */
const directorySchema = z.object({
  newNonce: z.url(),
  newAccount: z.url(),
  newOrder: z.url(),
  revokeCert: z.url(),
  /** RFC 9773 §3; a CA without it gives no renewal information. */
  renewalInfo: z.url().optional(),
  meta: z
    .object({
      termsOfService: z.string().max(2000).optional(),
      profiles: z.record(z.string().max(200), z.string().max(2000)).optional(),
    })
    .optional(),
});
export type AcmeDirectory = z.infer<typeof directorySchema>;

const MAX_AGE_MS = 3_600_000;

/**
 * A CA's directory, fetched once an hour however many ask at once. While it cannot be fetched again the one known
 * is used: an outage of the directory stops nothing that does not need it.
 */
export class DirectoryCache {
  readonly #transport: AcmeTransport;
  readonly #url: string;
  readonly #now: () => number;
  #known: { readonly directory: AcmeDirectory; readonly since: number } | undefined;
  #underway: Promise<AcmeDirectory> | undefined;

  constructor(transport: AcmeTransport, url: string, now: () => number = Date.now) {
    this.#transport = transport;
    this.#url = url;
    this.#now = now;
  }

  /** @throws CertmanError `acme/unreachable`, `acme/serverError`, … when none is known and none can be had. */
  async get(): Promise<AcmeDirectory> {
    if (this.#known !== undefined && this.#now() - this.#known.since < MAX_AGE_MS) return this.#known.directory;
    // Shared by all who wait, so no single caller's signal may end it; the transport's time limit does.
    this.#underway ??= this.#fetch().finally(() => {
      this.#underway = undefined;
    });
    const stale = this.#known?.directory;
    if (stale === undefined) return this.#underway;
    return this.#underway.catch(() => stale);
  }

  async #fetch(): Promise<AcmeDirectory> {
    const answer = await this.#transport.send('GET', this.#url, undefined);
    const { host } = new URL(this.#url);
    if (answer.status >= 400) {
      throw errorFromResponse({
        host,
        what: 'its directory',
        status: answer.status,
        body: answer.data,
        retryAfter: answer.headers['retry-after'],
        now: new Date(this.#now()),
      });
    }
    const parsed = directorySchema.safeParse(answer.data);
    if (!parsed.success) {
      throw new CertmanError({
        code: 'acme/unexpected',
        message: `What ${this.#url} answers (HTTP ${answer.status}) is no ACME directory: ${z.prettifyError(parsed.error).slice(0, 300)}`,
        remedy: 'Check the configured ACME directory URL.',
      });
    }
    this.#known = { directory: parsed.data, since: this.#now() };
    return parsed.data;
  }
}
