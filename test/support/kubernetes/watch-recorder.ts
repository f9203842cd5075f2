/** Follows a kind of object with {@link listAndWatch} and keeps what it saw, for tests that wait for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ResourceType, type WatchConnection } from '../../../src/kubernetes/api/kubernetes-api.ts';
import {
  type ListAndWatchEvent,
  type ListAndWatchOptions,
  listAndWatch,
} from '../../../src/kubernetes/api/list-and-watch.ts';
import { WAIT_TIMEOUT_MS, WAIT_TIMEOUT_SECONDS } from '../vitest/timeouts.ts';

export interface WatchRecorder {
  readonly events: readonly ListAndWatchEvent[];
  /** Names of the objects that exist as far as it knows. */
  readonly names: ReadonlySet<string>;
  /** `kind name` of every change since the list. */
  readonly changes: readonly string[];
  readonly errorCodes: readonly string[];
  /** Position of the last event that has one. */
  resourceVersion(): string;
  until(what: string, condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

export function recordWatch(
  source: WatchConnection,
  resource: ResourceType,
  options: Omit<ListAndWatchOptions, 'signal'> = {},
): WatchRecorder {
  const stop = new AbortController();
  const events: ListAndWatchEvent[] = [];
  const names = new Set<string>();
  const changes: string[] = [];
  const troubles: string[] = [];
  let failure: unknown;
  const follow = async (): Promise<void> => {
    const stream = listAndWatch(source, resource, {
      ...options,
      signal: stop.signal,
      onFailure: (trouble) => troubles.push(trouble.code),
    });
    for await (const event of stream) {
      events.push(event.kind === 'page' ? { ...event, objects: event.objects.slice(0, 1) } : event);
      if (event.kind === 'listing') names.clear();
      if (event.kind === 'page') for (const object of event.objects) names.add(object.metadata.name);
      if (event.kind === 'applied' || event.kind === 'deleted') {
        changes.push(`${event.kind} ${event.object.metadata.name}`);
        if (event.kind === 'applied') names.add(event.object.metadata.name);
        else names.delete(event.object.metadata.name);
      }
    }
  };
  const following = follow().catch((error: unknown) => {
    failure = error;
  });
  return {
    events,
    names,
    changes,
    errorCodes: troubles,
    resourceVersion: () => {
      const last = events.findLast((event) => 'resourceVersion' in event);
      if (last === undefined || !('resourceVersion' in last)) throw new Error('it has no position yet');
      return last.resourceVersion;
    },
    until: async (what, condition) => {
      const end = performance.now() + WAIT_TIMEOUT_MS;
      while (!condition()) {
        if (failure !== undefined) throw failure;
        if (performance.now() > end) {
          const seen = `${changes.slice(-5).join(', ')}; troubles: ${troubles.slice(-5).join(', ')}`;
          throw new Error(`not within ${WAIT_TIMEOUT_SECONDS} s: ${what}. Last seen: ${seen}`);
        }
        await sleep(20);
      }
    },
    stop: async () => {
      stop.abort(new Error('the test is over'));
      await following;
    },
  };
}
