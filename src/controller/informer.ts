/** One kind of object, followed for as long as the watch lasts: each event is given to its handler, and its position kept. */
import { CertmanError } from '../failures/failure.ts';
import type { KubernetesObject, ResourceType } from '../kubernetes/api/kubernetes-api.ts';
import { type ListAndWatchOptions, listAndWatch, type WatchConnection } from '../kubernetes/api/list-and-watch.ts';
import type { ControllerLogger } from './controller-dependencies.ts';
import type { KeyedWorkQueue } from './keyed-work-queue.ts';
import type { ResourceVersionCheckpoint } from './resource-version-checkpoint.ts';

/** What is done about the objects of a kind. Each answers whether it was dealt with. */
export interface ResourceEventHandler {
  /** In a list of what was dealt with before. */
  onListed(object: KubernetesObject): void;
  onUpsert(object: KubernetesObject, from: 'list' | 'watch'): Promise<boolean>;
  onDelete(object: KubernetesObject): Promise<boolean>;
  /** A list is complete: what is remembered and not among `keys` (`namespace/name`) has vanished. */
  onSynced?(keys: ReadonlySet<string>): Promise<boolean>;
}

export interface InformerOptions {
  readonly source: WatchConnection;
  readonly resource: ResourceType;
  readonly watchOptions: Omit<ListAndWatchOptions, 'signal' | 'onFailure' | 'onRecovery'>;
  readonly handler: ResourceEventHandler;
  readonly checkpoint: ResourceVersionCheckpoint;
  readonly work: KeyedWorkQueue;
  readonly logger: ControllerLogger;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** The first list has been dealt with, or there is nothing to list. */
  readonly onReady: () => void;
}

const REPEAT_LOG_INTERVAL_MS = 60_000;

/** Ends only with the signal, whose reason it throws. */
export async function runInformer(options: InformerOptions): Promise<never> {
  const { handler, checkpoint: position, work, signal } = options;
  let keys = new Set<string>();
  let open = new PendingList();
  let absent = false;
  const events = listAndWatch(options.source, options.resource, {
    ...options.watchOptions,
    signal,
    ...outageLogger(options.logger, options.resource.plural),
  });
  const settle = (dealtWith: Promise<boolean>, done: () => void): void => {
    void whenHandled(dealtWith, done, options.onError);
  };
  for await (const event of events) {
    switch (event.kind) {
      case 'listing':
        absent = false;
        keys = new Set();
        open = new PendingList();
        if (!event.known) position.reset();
        break;
      case 'page':
        for (const object of event.objects) {
          keys.add(`${object.metadata.namespace ?? ''}/${object.metadata.name}`);
          if (event.known) handler.onListed(object);
          else {
            settle(handler.onUpsert(object, 'list'), open.begin());
            await work.waitForCapacity();
          }
        }
        break;
      case 'listed': {
        if (!event.known && handler.onSynced !== undefined) settle(handler.onSynced(keys), open.begin());
        const done = position.begin(event.resourceVersion);
        open.complete(() => {
          done();
          options.onReady();
        });
        keys = new Set();
        break;
      }
      case 'applied':
        settle(handler.onUpsert(event.object, 'watch'), position.begin(event.resourceVersion));
        await work.waitForCapacity();
        break;
      case 'deleted':
        settle(handler.onDelete(event.object), position.begin(event.resourceVersion));
        await work.waitForCapacity();
        break;
      case 'bookmark':
        position.begin(event.resourceVersion)();
        break;
      case 'absent':
        if (!absent) logAbsentResource(options);
        absent = true;
        options.onReady();
        break;
    }
    // A watch that is resumed without a list is ready at once.
    if (options.watchOptions.resumeMode === 'watch' && options.watchOptions.resumeFrom !== undefined) options.onReady();
  }
  signal.throwIfAborted();
  throw new CertmanError({ code: 'internal/unexpected', message: `The watch of ${options.resource.plural} ended.` });
}

function logAbsentResource({ logger, resource }: InformerOptions): void {
  const { plural, group } = resource;
  logger.info(
    { kind: plural },
    `The API server does not know ${plural}.${group}: the watch goes on without them, and looks again every minute`,
  );
}

async function whenHandled(
  dealtWith: Promise<boolean>,
  done: () => void,
  onError: (error: unknown) => void,
): Promise<void> {
  try {
    if (await dealtWith) done();
  } catch (error) {
    onError(error);
  }
}

/** Counts what of a list is still being dealt with. */
class PendingList {
  #pending = 1;
  #onDone: (() => void) | undefined;

  begin(): () => void {
    this.#pending += 1;
    return () => this.#end();
  }

  complete(onDone: () => void): void {
    this.#onDone = onDone;
    this.#end();
  }

  #end(): void {
    this.#pending -= 1;
    if (this.#pending === 0) this.#onDone?.();
  }
}

/** Says a trouble when it begins, when it becomes another one, once a minute while it lasts, and when it is over. */
function outageLogger(logger: ControllerLogger, kind: string): Pick<ListAndWatchOptions, 'onFailure' | 'onRecovery'> {
  let since: number | undefined;
  let said: { readonly code: string; readonly at: number } | undefined;
  return {
    onFailure: (trouble, waitMs) => {
      const now = performance.now();
      since ??= now;
      if (said?.code === trouble.code && now - said.at < REPEAT_LOG_INTERVAL_MS) return;
      // Losing the position happens to every watch now and then, and is mended by listing again.
      const level = trouble.code === 'kubernetes/gone' ? 'info' : 'warn';
      said = { code: trouble.code, at: now };
      logger[level](
        {
          kind,
          code: trouble.code,
          problem: trouble.message,
          next: trouble.info.remedy,
          retryInMs: Math.round(waitMs),
        },
        'The watch is interrupted',
      );
    },
    onRecovery: () => {
      if (since === undefined) return;
      logger.info({ kind, seconds: Math.round((performance.now() - since) / 1000) }, 'The watch goes on');
      since = undefined;
      said = undefined;
    },
  };
}
