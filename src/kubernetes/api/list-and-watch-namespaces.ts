import type { ResourceType, WatchConnection } from './kubernetes-api.ts';
import { type ListAndWatchEvent, type ListAndWatchOptions, listAndWatch } from './list-and-watch.ts';

/** The resourceVersion of each namespace. */
type Positions = ReadonlyMap<string, string>;

interface NamespaceStream {
  readonly namespace: string;
  readonly events: AsyncGenerator<ListAndWatchEvent, never>;
}

/**
 * As {@link listAndWatch}, of several namespaces as if they were all: one list, and one position for them together. When
 * one of them must be listed anew, all are.
 */
export async function* listAndWatchNamespaces(
  connection: WatchConnection,
  resource: ResourceType,
  namespaces: readonly string[],
  options: Omit<ListAndWatchOptions, 'namespace'>,
): AsyncGenerator<ListAndWatchEvent, never> {
  let positions = parsePositions(options.resumeFrom, namespaces);
  for (;;) {
    const round = new AbortController();
    const signal = AbortSignal.any([options.signal, round.signal]);
    const streams = namespaces.map((namespace) => {
      const resumeFrom = positions?.get(namespace);
      return { namespace, events: listAndWatch(connection, resource, { ...options, namespace, resumeFrom, signal }) };
    });
    try {
      const known = positions !== undefined;
      if (positions === undefined || options.resumeMode === 'list') {
        positions = yield* listAll(streams, known);
      }
      if (positions !== undefined) yield* watchAll(streams, positions);
    } finally {
      round.abort();
      // A stream that waits ends with the round's signal.
      for (const { events } of streams) events.return(undefined as never).catch(() => undefined);
    }
    options.signal.throwIfAborted();
    positions = undefined;
  }
}

/** @param known of lists at a position. @returns undefined when one of the positions is forgotten: list without them. */
async function* listAll(
  streams: readonly NamespaceStream[],
  known: boolean,
): AsyncGenerator<ListAndWatchEvent, Positions | undefined> {
  const positions = new Map<string, string>();
  let announced = false;
  for (const { namespace, events } of streams) {
    while (!positions.has(namespace)) {
      const { value: event } = await events.next();
      if (event.kind === 'absent') {
        yield event;
        continue;
      }
      if ('known' in event && event.known !== known) return undefined;
      if (event.kind === 'listing') {
        if (!announced) yield event;
        announced = true;
      } else if (event.kind === 'listed') positions.set(namespace, event.resourceVersion);
      else yield event;
    }
  }
  yield { kind: 'listed', known, resourceVersion: formatPositions(positions) };
  return positions;
}

/** Ends when a namespace must be listed anew. */
async function* watchAll(
  streams: readonly NamespaceStream[],
  from: Positions,
): AsyncGenerator<ListAndWatchEvent, void> {
  const positions = new Map(from);
  const nextOf = async (stream: NamespaceStream) => ({ stream, event: (await stream.events.next()).value });
  const pending = new Map(streams.map((stream) => [stream, nextOf(stream)]));
  // One that is rejected after the end of the round is awaited by no caller.
  for (const next of pending.values()) next.catch(() => undefined);
  for (;;) {
    const { stream, event } = await Promise.race(pending.values());
    if (!('resourceVersion' in event) || event.kind === 'listed') return;
    positions.set(stream.namespace, event.resourceVersion);
    yield { ...event, resourceVersion: formatPositions(positions) };
    const next = nextOf(stream);
    next.catch(() => undefined);
    // Behind the others, so that a busy namespace does not hold them up.
    pending.delete(stream);
    pending.set(stream, next);
  }
}

function formatPositions(positions: Positions): string {
  return JSON.stringify([...positions]);
}

/** @returns undefined without a position for each of these namespaces and no other. */
function parsePositions(text: string | undefined, namespaces: readonly string[]): Positions | undefined {
  if (text?.startsWith('[') !== true) return undefined;
  const positions = new Map(JSON.parse(text) as readonly (readonly [string, string])[]);
  const isComplete = positions.size === namespaces.length && namespaces.every((namespace) => positions.has(namespace));
  return isComplete ? positions : undefined;
}
