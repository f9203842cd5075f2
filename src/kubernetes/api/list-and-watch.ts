import { CertmanError } from '../../failures/failure.ts';
import { UnknownPathError } from './api-error.ts';
import { backoffDelay, pause } from './backoff.ts';
import type { KubernetesObject, ListOptions, ResourceType, WatchConnection } from './kubernetes-api.ts';
import { acceptMetadata, buildQuery, listPages } from './list-pages.ts';
import { collectionPath } from './resource-path.ts';
import { parseWatchEvent, type WatchEvent } from './watch-event.ts';

/** What {@link listAndWatch} yields. `known`: of a list at `resumeFrom`, which the caller has handled before. */
export type ListAndWatchEvent =
  | { readonly kind: 'listing'; readonly known: boolean }
  | { readonly kind: 'page'; readonly known: boolean; readonly objects: readonly KubernetesObject[] }
  /** All pages are there: what was not in them since `listing` does not exist at `resourceVersion`. */
  | { readonly kind: 'listed'; readonly known: boolean; readonly resourceVersion: string }
  /** `bookmark`: nothing happened up to `resourceVersion`. */
  | WatchEvent
  /** The API server does not know this (optional) kind; certman asks again every minute. */
  | { readonly kind: 'absent' };

/** Options of {@link listAndWatch}. No namespace: all of them. */
export interface ListAndWatchOptions extends ListOptions {
  readonly signal: AbortSignal;
  /** resourceVersion up to which an earlier run has handled everything. */
  readonly resumeFrom?: string;
  /** From `resumeFrom`, `list` first yields the state at that version (`known`), `watch` only what came after it. */
  readonly resumeMode?: 'list' | 'watch';
  readonly optional?: boolean;
  readonly onFailure?: (failure: CertmanError, waitMs: number) => void;
  readonly onRecovery?: () => void;
}

/** The server ends a watch after so long; shorter than the 5 minutes at which many load balancers cut. */
const WATCH_SECONDS = { min: 240, max: 290 } as const;
const BACKOFF_MS = { first: 250, max: 10_000 };
const MAX_RETRY_AFTER_MS = 60_000;
const ABSENT_RETRY_MS = 60_000;
/** A watch that ends sooner counts as a failure: a proxy may end every stream at once. */
const MIN_WATCH_MS = 1_000;
/** Failures in a row after which the position is suspected instead of the connection. */
const MAX_FAILURES_BEFORE_RELIST = 30;

/** `at`: the resourceVersion of a known state. */
type NextStep = { readonly do: 'list'; readonly at?: string } | { readonly do: 'watch'; readonly position: string };

/**
 * All objects of a kind, then every change without gaps, across outages. Ends only by the signal and throws its reason.
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ (list and watch, 410 Gone, bookmarks).
 */
export async function* listAndWatch(
  connection: WatchConnection,
  resource: ResourceType,
  options: ListAndWatchOptions,
): AsyncGenerator<ListAndWatchEvent, never> {
  const { signal, resumeFrom } = options;
  let failures = 0;
  let step: NextStep =
    resumeFrom !== undefined && options.resumeMode === 'watch'
      ? { do: 'watch', position: resumeFrom }
      : { do: 'list', at: resumeFrom };
  for (;;) {
    try {
      const startedAt = performance.now();
      const watching = step.do === 'watch';
      const events: AsyncIterable<ListAndWatchEvent> =
        step.do === 'watch'
          ? watchEvents(connection, resource, step.position, options)
          : listEvents(connection, resource, step.at, options);
      for await (const event of events) {
        if (failures > 0) options.onRecovery?.();
        failures = 0;
        if ('resourceVersion' in event) step = { do: 'watch', position: event.resourceVersion };
        yield event;
      }
      if (watching && performance.now() - startedAt < MIN_WATCH_MS) {
        failures += 1;
        await pause(backoffDelay(failures, BACKOFF_MS), signal);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      if (options.optional === true && error.code === 'kubernetes/notFound') {
        step = { do: 'list' };
        yield { kind: 'absent' };
        await pause(ABSENT_RETRY_MS, signal);
        continue;
      }
      if (requiresRelist(error) || failures >= MAX_FAILURES_BEFORE_RELIST) step = { do: 'list' };
      failures += 1;
      const waitMs = Math.max(backoffDelay(failures, BACKOFF_MS), retryAfterMs(error));
      options.onFailure?.(error, waitMs);
      await pause(waitMs, signal);
    }
  }
}

async function* listEvents(
  connection: WatchConnection,
  resource: ResourceType,
  at: string | undefined,
  options: ListAndWatchOptions,
): AsyncGenerator<ListAndWatchEvent> {
  const known = at !== undefined;
  let resourceVersion: string | undefined;
  for await (const page of listPages(connection, resource, { ...options, resourceVersion: at })) {
    if (resourceVersion === undefined) yield { kind: 'listing', known };
    ({ resourceVersion } = page);
    yield { kind: 'page', known, objects: page.objects };
  }
  if (resourceVersion !== undefined) yield { kind: 'listed', known, resourceVersion };
}

async function* watchEvents(
  connection: WatchConnection,
  resource: ResourceType,
  position: string,
  options: ListAndWatchOptions,
): AsyncGenerator<ListAndWatchEvent> {
  const path = collectionPath(resource, options.namespace);
  const seconds = WATCH_SECONDS.min + Math.random() * (WATCH_SECONDS.max - WATCH_SECONDS.min);
  const query = buildQuery(options, {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: position,
    timeoutSeconds: String(Math.round(seconds)),
  });
  const lines = connection.openStream(`${path}?${query.toString()}`, options.signal, {
    accept: acceptMetadata(options, 'PartialObjectMetadata'),
  });
  for await (const line of lines) yield parseWatchEvent(line, path);
}

/** Whether resuming at this position cannot work: forgotten, not there yet, or followed by an unreadable change. */
function requiresRelist(error: CertmanError): boolean {
  const { code, message } = error;
  // Only the failure of a list shows whether the API server still knows the kind.
  if (error instanceof UnknownPathError) return true;
  // An API server restored from a backup is behind the position; it says so as a time-out.
  return /^kubernetes\/(gone|notFound|invalid|unexpected)$/.test(code) || /too large resource version/i.test(message);
}

function retryAfterMs({ info: { notBefore } }: CertmanError): number {
  return notBefore === undefined ? 0 : Math.min(MAX_RETRY_AFTER_MS, Date.parse(notBefore) - Date.now());
}
