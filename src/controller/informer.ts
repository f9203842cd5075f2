import { CertmanError } from '../failures/failure.ts';
import { type KubernetesObject, type ResourceType, type WatchConnection } from '../kubernetes/api/kubernetes-api.ts';
import { type ListAndWatchOptions, listAndWatch } from '../kubernetes/api/list-and-watch.ts';
import { listAndWatchNamespaces } from '../kubernetes/api/list-and-watch-namespaces.ts';
import type { WatchState } from './fleet-snapshot.ts';
import type { KeyedWorkQueue } from './keyed-work-queue.ts';
import { keyOf, nameOf } from './namespaced-name.ts';
import { type ControllerLogger, outageLog } from './outage-log.ts';
import { ResourceVersionCheckpoint } from './resource-version-checkpoint.ts';

/** Handles the events of one kind. An event is handled when its promise resolves; a rejection stops the controller. */
export interface ResourceEventHandler {
  /** For an object of a list that an earlier worker has handled: to be cached only. */
  onListed?(object: KubernetesObject): Promise<void> | void;
  onUpsert(object: KubernetesObject, from: 'list' | 'watch'): Promise<void>;
  onDelete(object: KubernetesObject): Promise<void>;
  /** A list is complete. @param keys `namespace/name` of every object that exists. */
  onSynced?(keys: ReadonlySet<string>): Promise<void>;
}

/** A kind of object to list and watch, and its handler. */
export interface InformedResource
  extends Pick<
    ListAndWatchOptions,
    'namespace' | 'fieldSelector' | 'labelSelector' | 'metadataOnly' | 'resumeMode' | 'optional'
  > {
  readonly resource: ResourceType;
  /** Instead of all namespaces. */
  readonly namespaces?: readonly string[] | undefined;
  readonly handler: ResourceEventHandler;
  /** Kinds that the handler looks up: it starts when they are settled. */
  readonly after?: readonly ResourceType[];
}

/** From the first failure: a kind that is not synced by then holds up no other. */
const SETTLE_LIMIT_MS = 15_000;

/** What an informer shares with the controller. */
export interface InformerOptions {
  readonly source: WatchConnection;
  readonly queue: KeyedWorkQueue;
  readonly logger: ControllerLogger;
  readonly signal: AbortSignal;
  /** Checkpoint of an earlier worker. */
  readonly resumeFrom: string | undefined;
  readonly onError: (error: unknown) => void;
}

/** Lists and watches one kind of object, and passes each event to its handler. */
export class Informer {
  readonly #informed: InformedResource;
  readonly #options: InformerOptions;
  readonly #checkpoint: ResourceVersionCheckpoint;
  readonly #synced = Promise.withResolvers<void>();
  readonly #settled = Promise.withResolvers<void>();
  #started = false;
  #hasSynced = false;
  /** Nothing is to be listed at the moment. */
  #listed = false;
  #failure: { readonly since: string; readonly text: string } | undefined;
  #syncedUntil: number | undefined;

  constructor(informed: InformedResource, options: InformerOptions) {
    this.#informed = informed;
    this.#options = options;
    this.#checkpoint = new ResourceVersionCheckpoint(options.resumeFrom);
    void this.#synced.promise.then(this.#settled.resolve);
  }

  /** Resolves when the first list is handled, or the API server does not know the kind. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get after(): readonly ResourceType[] {
    return this.#informed.after ?? [];
  }

  /** Resolves when it is synced, or has not been for a while after a failure. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  get state(): WatchState {
    const { plural, group } = this.#informed.resource;
    const why = this.#whyNotSynced();
    const problem = why && `The watch of ${group === '' ? plural : `${plural}.${group}`} is not synced: ${why}`;
    const synced = problem === undefined;
    return { kind: plural, synced, syncedUntil: synced ? Date.now() : this.#syncedUntil, problem };
  }

  #whyNotSynced(): string | undefined {
    if (this.#failure !== undefined) return `since ${this.#failure.since}, ${this.#failure.text}`;
    if (this.#listed) return undefined;
    return this.#started || this.after.length === 0
      ? 'it is being listed.'
      : `it waits for ${this.after.map(({ plural }) => plural).join(' and ')}.`;
  }

  #startListing(): void {
    this.#noteSynced();
    this.#listed = false;
  }

  #noteSynced(): void {
    if (this.#whyNotSynced() === undefined) this.#syncedUntil = Date.now();
  }

  #fail({ message, info }: CertmanError): void {
    this.#noteSynced();
    const since = this.#failure?.since ?? new Date().toISOString();
    if (this.#failure === undefined) setTimeout(this.#settled.resolve, SETTLE_LIMIT_MS).unref();
    this.#failure = { since, text: [message, info.remedy].filter((part) => part !== undefined).join(' ') };
  }

  #markListed(): void {
    this.#listed = true;
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  get resourceVersion(): string | undefined {
    return this.#checkpoint.resourceVersion;
  }

  /** Runs until the signal, whose reason it throws. */
  async run(): Promise<never> {
    const { resource, handler, namespaces, after: _, ...selection } = this.#informed;
    const { source, logger, signal, resumeFrom } = this.#options;
    const messages = { failing: 'The watch is interrupted', recovered: 'The watch has resumed' };
    const outage = outageLog(logger, { kind: resource.plural }, messages);
    let listed = new Set<string>();
    let absent = false;
    this.#started = true;
    // An earlier worker has listed it.
    if (selection.resumeMode === 'watch' && resumeFrom !== undefined) this.#markListed();
    const options: ListAndWatchOptions = {
      ...selection,
      resumeFrom,
      signal,
      onFailure: (failure, waitMs) => {
        this.#fail(failure);
        outage.failed(failure, waitMs);
      },
      onRecovery: () => outage.recovered(),
    };
    const events =
      namespaces === undefined
        ? listAndWatch(source, resource, options)
        : listAndWatchNamespaces(source, resource, namespaces, options);
    for await (const event of events) {
      if (event.kind === 'listing') this.#startListing();
      this.#failure = undefined;
      switch (event.kind) {
        case 'listing':
          absent = false;
          listed = new Set();
          if (!event.known) this.#checkpoint.reset();
          break;
        case 'page':
          for (const object of event.objects) {
            listed.add(keyOf(nameOf(object)));
            if (event.known) await this.#handle(handler.onListed?.(object));
            else await this.#handle(handler.onUpsert(object, 'list'));
          }
          break;
        case 'listed':
          if (!event.known) await this.#handle(handler.onSynced?.(listed));
          this.#checkpoint.begin(event.resourceVersion, () => this.#markListed())();
          listed = new Set();
          break;
        case 'applied':
          await this.#handle(handler.onUpsert(event.object, 'watch'), event.resourceVersion);
          break;
        case 'deleted':
          await this.#handle(handler.onDelete(event.object), event.resourceVersion);
          break;
        case 'bookmark':
          this.#checkpoint.begin(event.resourceVersion)();
          break;
        case 'absent':
          if (!absent) {
            logger.info(
              { kind: resource.plural },
              `The API server does not know ${resource.plural}.${resource.group}; it is asked again every minute`,
            );
          }
          absent = true;
          this.#markListed();
          break;
      }
    }
    signal.throwIfAborted();
    throw new CertmanError({ code: 'internal/unexpected', message: `The watch of ${resource.plural} ended.` });
  }

  /** Handles an event beside the next ones; waits only while the work queue is full. */
  async #handle(handled: Promise<void> | void, resourceVersion?: string): Promise<void> {
    const markHandled = this.#checkpoint.begin(resourceVersion);
    void Promise.resolve(handled).then(markHandled).catch(this.#options.onError);
    await this.#options.queue.waitForCapacity();
  }
}
