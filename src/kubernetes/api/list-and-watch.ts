/**
 * All objects of a kind, and from then on every change of them, without gaps and for as long as it is wanted: a paged list,
 * then watches that each go on where the last one ended. Outages are ridden out here; only a cancellation ends it.
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ (list and watch, 410 Gone, bookmarks).
 */
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import { Backoff, pause } from './backoff.ts';
import type { KubernetesObject, ResourceType } from './kubernetes-api.ts';
import { collectionPath } from './resource-path.ts';
import { asKubernetesObject, parseWatchEvent } from './watch-event.ts';

/** The two requests that are needed of a connection to the API server. */
export interface WatchConnection {
  getJson(path: string, options?: { readonly accept?: string; readonly signal?: AbortSignal }): Promise<unknown>;
  openStream(
    path: string,
    signal: AbortSignal,
    options?: { readonly accept?: string; readonly silenceMs?: number },
  ): AsyncIterable<string>;
}

export type ListAndWatchEvent =
  /** A list begins (again). `known`: it is the state at `resumeFrom`, which was dealt with before. */
  | { readonly kind: 'listing'; readonly known: boolean }
  | { readonly kind: 'page'; readonly known: boolean; readonly objects: readonly KubernetesObject[] }
  /** All pages came: what was not in them since `listing` does not exist at `resourceVersion`. */
  | { readonly kind: 'listed'; readonly known: boolean; readonly resourceVersion: string }
  /** Made or changed. */
  | { readonly kind: 'applied'; readonly object: KubernetesObject; readonly resourceVersion: string }
  | { readonly kind: 'deleted'; readonly object: KubernetesObject; readonly resourceVersion: string }
  /** Nothing happened up to here. */
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }
  /** The API server does not know this (optional) kind; looked at again every minute. */
  | { readonly kind: 'absent' };

export interface ListAndWatchOptions {
  readonly signal: AbortSignal;
  /** All namespaces when absent. */
  readonly namespace?: string;
  /** `metadata.name=…` */
  readonly fieldSelector?: string;
  /** PartialObjectMetadata only: no data crosses the wire. */
  readonly metadataOnly?: boolean;
  /** Position of an earlier run, up to which everything was dealt with. */
  readonly resumeFrom?: string;
  /** From `resumeFrom`, `list` first gives the state at that position (`known`), `watch` only what came after it. */
  readonly resumeMode?: 'list' | 'watch';
  /** The kind may be unknown to the API server. */
  readonly optional?: boolean;
  /** Told each failure that is being ridden out, with the wait before the next try; and when all is well again. */
  readonly onFailure?: (trouble: CertmanError, waitMs: number) => void;
  readonly onRecovery?: () => void;
}

const PAGE_SIZE = 500;
/** The server ends a watch after so long; shorter than the 5 minutes at which many load balancers cut. */
const WATCH_SECONDS = { least: 240, most: 290 } as const;
/** Bookmarks come about once a minute; a stream silent for longer may be a connection that nobody told us is dead. */
const IDLE_TIMEOUT_MS = 130_000;
const BACKOFF_MS = { first: 250, longest: 10_000 } as const;
const MAX_RETRY_AFTER_MS = 60_000;
const ABSENT_RETRY_MS = 60_000;
/** Failures in a row after which the position is suspected instead of the connection. */
const MAX_FAILURES_BEFORE_RELIST = 30;

const pageSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string().min(1), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullable(),
});

type NextStep =
  | { readonly do: 'list' }
  | { readonly do: 'listAt'; readonly position: string }
  | { readonly do: 'watch'; readonly position: string };

/** Ends only by the signal, with its reason thrown. */
export async function* listAndWatch(
  source: WatchConnection,
  resource: ResourceType,
  options: ListAndWatchOptions,
): AsyncGenerator<ListAndWatchEvent, never> {
  const { signal, resumeFrom } = options;
  const backoff = new Backoff(BACKOFF_MS.first, BACKOFF_MS.longest);
  const recovered = (): void => {
    if (backoff.failures > 0) options.onRecovery?.();
    backoff.reset();
  };
  let step: NextStep =
    resumeFrom === undefined
      ? { do: 'list' }
      : { do: options.resumeMode === 'watch' ? 'watch' : 'listAt', position: resumeFrom };
  for (;;) {
    try {
      if (step.do === 'watch') {
        const began = performance.now();
        for await (const event of watchEvents(source, resource, step.position, options)) {
          recovered();
          step = { do: 'watch', position: event.resourceVersion };
          yield event;
        }
        // A proxy that ends every stream at once must not be asked in a loop.
        if (performance.now() - began < 1_000) await pause(backoff.next(), signal);
      } else {
        const known: string | undefined = step.do === 'listAt' ? step.position : undefined;
        for await (const event of listPages(source, resource, known, options)) {
          recovered();
          if (event.kind === 'listed') step = { do: 'watch', position: event.resourceVersion };
          yield event;
        }
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
      if (requiresRelist(error) || backoff.failures >= MAX_FAILURES_BEFORE_RELIST) step = { do: 'list' };
      const waitMs = Math.max(backoff.next(), retryAfterMs(error));
      options.onFailure?.(error, waitMs);
      await pause(waitMs, signal);
    }
  }
}

async function* listPages(
  source: WatchConnection,
  resource: ResourceType,
  at: string | undefined,
  options: ListAndWatchOptions,
): AsyncGenerator<Extract<ListAndWatchEvent, { kind: 'listing' | 'page' | 'listed' }>> {
  const known = at !== undefined;
  const query = buildQuery(options, { limit: String(PAGE_SIZE) });
  if (at !== undefined) {
    query.set('resourceVersion', at);
    query.set('resourceVersionMatch', 'Exact');
  }
  const path = collectionPath(resource, options.namespace);
  for (let first = true; ; first = false) {
    const answer = await source.getJson(`${path}?${query.toString()}`, {
      signal: options.signal,
      ...acceptOption(options, 'PartialObjectMetadataList'),
    });
    const page = pageSchema.safeParse(answer);
    if (!page.success) throw malformedListError(path, 'something that is no list');
    if (first) yield { kind: 'listing', known };
    const objects = (page.data.items ?? []).map((item) => {
      const object = asKubernetesObject(item);
      if (object === undefined) throw malformedListError(path, 'a list with an item that has no name');
      return object;
    });
    yield { kind: 'page', known, objects };
    const next = page.data.metadata.continue;
    if (next === undefined || next === '') {
      yield { kind: 'listed', known, resourceVersion: page.data.metadata.resourceVersion };
      return;
    }
    // The token carries the version; both together are refused.
    query.delete('resourceVersion');
    query.delete('resourceVersionMatch');
    query.set('continue', next);
  }
}

async function* watchEvents(
  source: WatchConnection,
  resource: ResourceType,
  position: string,
  options: ListAndWatchOptions,
): AsyncGenerator<Extract<ListAndWatchEvent, { resourceVersion: string; kind: 'applied' | 'deleted' | 'bookmark' }>> {
  const path = collectionPath(resource, options.namespace);
  const seconds = WATCH_SECONDS.least + Math.random() * (WATCH_SECONDS.most - WATCH_SECONDS.least);
  const query = buildQuery(options, {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: position,
    timeoutSeconds: String(Math.round(seconds)),
  });
  const lines = source.openStream(`${path}?${query.toString()}`, options.signal, {
    silenceMs: IDLE_TIMEOUT_MS,
    ...acceptOption(options, 'PartialObjectMetadata'),
  });
  for await (const line of lines) {
    const event = parseWatchEvent(line, path);
    if (event.kind === 'refused') throw event.error;
    yield event;
  }
}

function buildQuery(options: ListAndWatchOptions, parameters: Record<string, string>): URLSearchParams {
  const query = new URLSearchParams(parameters);
  if (options.fieldSelector !== undefined) query.set('fieldSelector', options.fieldSelector);
  return query;
}

function acceptOption(options: ListAndWatchOptions, kind: string): { readonly accept?: string } {
  return options.metadataOnly === true
    ? { accept: `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json` }
    : {};
}

/** Whether going on from the same position cannot work: it is forgotten, not there yet, or what came from it was unreadable. */
function requiresRelist(error: CertmanError): boolean {
  return (
    error.code === 'kubernetes/gone' ||
    error.code === 'kubernetes/notFound' ||
    error.code === 'kubernetes/invalid' ||
    error.code === 'kubernetes/unexpected' ||
    // An API server restored from a backup is behind the position; it says so as a time-out.
    /too large resource version/i.test(error.message)
  );
}

function retryAfterMs(error: CertmanError): number {
  if (error.info.notBefore === undefined) return 0;
  return Math.min(MAX_RETRY_AFTER_MS, Date.parse(error.info.notBefore) - Date.now());
}

function malformedListError(path: string, what: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/unexpected',
    message: `The Kubernetes API answered the list of ${path} with ${what}.`,
    remedy: 'Check what stands between certman and the API server; it is listed again shortly.',
  });
}
