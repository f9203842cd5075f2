import { CertmanError } from '../failures/failure.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import { missingRequestFields, outdatedCrdMessage } from '../kubernetes/objects/request-schema.ts';
import type { ControllerContext } from './controller-context.ts';
import type { CrdState } from './fleet-snapshot.ts';
import { outageLog } from './outage-log.ts';

const CHECK_INTERVAL_MS = 30_000;

/** Finds out that the CRD of CertificateRequests is older than this version, and when it no longer is. */
export class CrdCheck {
  readonly #context: ControllerContext;
  #state: CrdState | undefined;

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  /** Undefined: the schema has not been read yet. */
  get state(): CrdState | undefined {
    return this.#state;
  }

  /** Runs until the signal, whose reason it throws. */
  async run(): Promise<never> {
    const { signal, logger } = this.#context;
    const messages = { failing: 'The schema of CertificateRequests cannot be read', recovered: 'It can be read again' };
    const outage = outageLog(logger, {}, messages);
    for (;;) {
      try {
        await this.#check();
        outage.recovered();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof CertmanError)) throw error;
        outage.failed(error, CHECK_INTERVAL_MS);
      }
      await pause(CHECK_INTERVAL_MS, signal);
    }
  }

  async #check(): Promise<void> {
    const { source, signal, logger } = this.#context;
    const missing = await missingRequestFields(source, signal);
    if (missing === undefined) return;
    const problem = missing.length === 0 ? undefined : outdatedCrdMessage(missing);
    const previous = this.#state?.problem;
    if (problem !== undefined && problem !== previous) logger.warn({ missing }, problem);
    // When that fails, the next check does it again.
    if (problem === undefined && previous !== undefined) await this.#signalAll();
    this.#state = { problem };
  }

  /** Any of them may have a status that could not be written. */
  async #signalAll(): Promise<void> {
    const { workflows, signaller, logger } = this.#context;
    const clusters = [...(await workflows.listRunning()).values()];
    logger.info({ clusters: clusters.length }, 'The CRD of CertificateRequests has been updated');
    await Promise.all(
      clusters.map((cluster) => signaller.reevaluate(cluster, 'The CRD of CertificateRequests was updated.')),
    );
  }
}
