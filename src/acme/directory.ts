import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import { errorFromResponse, ofAnotherResource } from './problems.ts';
import type { AcmeTransport } from './transport.ts';
import { acmeUrlSchema } from './url.ts';

const directorySchema = z.object({
  newNonce: acmeUrlSchema,
  newAccount: acmeUrlSchema,
  newOrder: acmeUrlSchema,
  revokeCert: acmeUrlSchema,
  /** RFC 9773 §3; absent: the CA offers no renewal information. */
  renewalInfo: acmeUrlSchema.optional(),
  /** RFC 8555 §7.3.5. Few clients need it, so a CA without it is served. */
  keyChange: acmeUrlSchema.optional(),
  meta: z
    .object({
      termsOfService: z.string().max(2048).optional().catch(undefined),
      externalAccountRequired: z.boolean().optional().catch(undefined),
      /** Names by which CAA records allow the CA (RFC 8555 §7.1.1, RFC 8659 §4.2); absent: it does not say. */
      caaIdentities: z
        .array(z.string().regex(/^[a-z0-9.-]{1,253}$/i))
        .max(32)
        .optional()
        .catch(undefined),
      /** By name, each with its description (draft-ietf-acme-profiles §3); absent: the CA has none to choose from. */
      profiles: z.record(z.string().max(64), z.string().max(2048)).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});
/** A directory (RFC 8555 §7.1.1), reduced to the members that certman uses. */
export type AcmeDirectory = z.infer<typeof directorySchema>;

const MAX_AGE_MS = 3_600_000;

/** Paths of a directory that is the only one of its host. */
const USUAL_PATHS = new Set(['/', '/dir', '/directory']);
/** As in the CRD. */
const MAX_CA_NAME_LENGTH = 320;

/**
 * Name of the CA of a directory: its host, in lower case, with the path where the host may have several: a private CA has a
 * directory for each of its issuers (`ca.example.com/acme/production/directory`).
 */
export function caNameOf(directoryUrl: string): string {
  const { host, pathname } = new URL(directoryUrl);
  return (USUAL_PATHS.has(pathname) ? host : `${host}${pathname}`).slice(0, MAX_CA_NAME_LENGTH);
}

/** A copy that is out of date by more is used only where a fetch has failed. */
const MAX_STALE_MS = 24 * 3_600_000;

/**
 * Returns a CA's directory. A copy of more than an hour is used at once, for up to a day, while the next one is fetched: a CA
 * that does not answer delays no call. While a fetch fails, any copy is used; without one the call throws CertmanError
 * `acme/unreachable`, `acme/serverError`, …
 */
export function cachedDirectory(transport: AcmeTransport, url: string): () => Promise<AcmeDirectory> {
  const cache = new LRUCache<string, FetchedDirectory>({
    max: 1,
    ttl: MAX_AGE_MS,
    // All callers share this fetch, so no caller's signal cancels it; the transport's time-out bounds it.
    fetchMethod: (_key, stale, { options }) => {
      // When a fetch fails without a stale copy, lru-cache would hide the error.
      options.allowStaleOnFetchRejection = stale !== undefined;
      return fetchDirectory(transport, url);
    },
  });
  return async () => {
    const fetched = await cache.forceFetch(url, { allowStale: cache.getRemainingTTL(url) > -MAX_STALE_MS });
    return fetched.directory;
  };
}

/** A directory as it was fetched. */
export interface FetchedDirectory {
  readonly directory: AcmeDirectory;
  /** The CA's clock (`Date`, RFC 9110 §6.6.1), as it was sent. */
  readonly date?: string | undefined;
}

/** Fetches a directory. @throws CertmanError `acme/unreachable`, `acme/serverError`, `acme/unexpected`, … */
export async function fetchDirectory(
  transport: AcmeTransport,
  url: string,
  signal?: AbortSignal,
): Promise<FetchedDirectory> {
  const answer = await transport.send('GET', url, undefined, signal);
  const { status, data, headers } = answer;
  if (status >= 300) throw ofAnotherResource(errorFromResponse(caNameOf(url), 'its directory', answer));
  const parsed = directorySchema.safeParse(data);
  if (parsed.success) return { directory: parsed.data, date: headers['date'] };
  throw new CertmanError({
    code: 'acme/unexpected',
    message: `The answer of ${url} (HTTP ${status}) is not an ACME directory: ${z.prettifyError(parsed.error).slice(0, 300)}`,
    remedy: 'Check the configured ACME directory URL.',
  });
}
