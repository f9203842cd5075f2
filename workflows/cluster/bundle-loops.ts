/** Which of a cluster's bundles are being served, each by a coroutine of its own that can be ended, and which of them sleep. */
import { CancellationScope, isCancellation } from '@temporalio/workflow';

interface BundleLoop {
  readonly scope: CancellationScope;
  /** Resolves once it has ended. */
  done: Promise<void>;
  /** Whether it sleeps with nothing unseen. */
  sleeping: boolean;
}

export class BundleLoops {
  readonly #services = new Map<string, BundleLoop>();

  has(name: string): boolean {
    return this.#services.has(name);
  }

  /** An error that `work` throws is a defect of the workflow's own: it is left unhandled, so that it fails the workflow task visibly. */
  start(name: string, work: () => Promise<void>): void {
    const service: BundleLoop = { scope: new CancellationScope(), done: Promise.resolve(), sleeping: false };
    // The work begins at once, and may go to sleep before this returns: it must be known by then.
    this.#services.set(name, service);
    service.done = service.scope
      .run(work)
      .catch((error: unknown) => {
        if (!isCancellation(error)) throw error;
      })
      .finally(() => this.#services.delete(name));
  }

  /** Marks a bundle as asleep with nothing unseen, or as awake. */
  setSleeping(name: string, atRest: boolean): void {
    const service = this.#services.get(name);
    if (service !== undefined) service.sleeping = atRest;
  }

  allSleeping(): boolean {
    return [...this.#services.values()].every((service) => service.sleeping);
  }

  /** Ends all service, waiting until what was under way has cleaned up behind itself. */
  async stopAll(): Promise<void> {
    const services = [...this.#services.values()];
    for (const service of services) service.scope.cancel();
    await Promise.all(services.map((service) => service.done));
  }
}
