import { AsyncLocalStorage } from 'node:async_hooks';
import { type ConnectionLike, type InternalConnectionLike, InternalConnectionLikeSymbol } from '@temporalio/client';
import type { NativeConnection, Worker } from '@temporalio/worker';

/** The worker's connection, which can be replaced while the worker and its clients run. */
export class RenewableConnection implements ConnectionLike {
  #current: NativeConnection;
  #previous: NativeConnection | undefined;
  readonly #workers = new Set<Worker>();
  /** A deadline or a signal holds for one connection: calls within its scope use that one. */
  readonly #scope = new AsyncLocalStorage<NativeConnection>();

  constructor(connection: NativeConnection) {
    this.#current = connection;
  }

  /** For what takes a native connection, such as `Worker.create`. */
  get current(): NativeConnection {
    return this.#current;
  }

  /** The worker uses later connections too. */
  attach(worker: Worker): void {
    this.#workers.add(worker);
    worker.connection = this.#current;
  }

  /** Requests in progress end on the connection before, which is closed at the next replacement. */
  async replace(connection: NativeConnection): Promise<void> {
    const outdated = this.#previous;
    this.#previous = this.#current;
    this.#current = connection;
    for (const worker of this.#workers) {
      if (hasEnded(worker)) this.#workers.delete(worker);
      else worker.connection = connection;
    }
    await outdated?.close();
  }

  /** The workers must have ended. */
  async close(): Promise<void> {
    await Promise.all([this.#previous?.close(), this.#current.close()]);
  }

  get workflowService(): NativeConnection['workflowService'] {
    return this.#inScope().workflowService;
  }

  get operatorService(): NativeConnection['operatorService'] {
    return this.#inScope().operatorService;
  }

  /** By it, a client finds out that a worker shares the connection, and can get the first task of a workflow it starts. */
  get [InternalConnectionLikeSymbol](): InternalConnectionLike[typeof InternalConnectionLikeSymbol] {
    const current: InternalConnectionLike = this.#current;
    return current[InternalConnectionLikeSymbol];
  }

  get plugins(): ConnectionLike['plugins'] {
    return [];
  }

  ensureConnected(): Promise<void> {
    return this.#inScope().ensureConnected();
  }

  withDeadline<Result>(deadline: number | Date, call: () => Promise<Result>): Promise<Result> {
    return this.#within((connection) => connection.withDeadline(deadline, call));
  }

  withMetadata<Result>(
    metadata: Parameters<ConnectionLike['withMetadata']>[0],
    call: () => Promise<Result>,
  ): Promise<Result> {
    return this.#within((connection) => connection.withMetadata(metadata, call));
  }

  withAbortSignal<Result>(signal: AbortSignal, call: () => Promise<Result>): Promise<Result> {
    return this.#within((connection) => connection.withAbortSignal(signal, call));
  }

  #inScope(): NativeConnection {
    return this.#scope.getStore() ?? this.#current;
  }

  #within<Result>(run: (connection: NativeConnection) => Promise<Result>): Promise<Result> {
    const connection = this.#inScope();
    return this.#scope.run(connection, () => run(connection));
  }
}

function hasEnded(worker: Worker): boolean {
  const state = worker.getState();
  return state === 'STOPPED' || state === 'FAILED';
}
