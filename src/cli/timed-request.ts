import { CertmanError } from '../failures/failure.ts';
import { PluginTimeoutError } from '../kubernetes/api/credential-plugin.ts';
import { commandLine } from './program-name.ts';
import { isUnavailable, unavailableMessage } from './temporal-client.ts';
import type { TimeBound } from './time-bound.ts';

/** How far a request has come. */
export type RequestState = 'not sent' | 'sent' | 'accepted';

/** A request of a command to a workflow, within the time of `--timeout`: a person sees how far it has come in that. */
export class TimedRequest {
  /** Absent: the command waits for as long as it takes. */
  readonly bound: TimeBound | undefined;
  /** The command that shows what becomes of the request. */
  follow: string;
  state: RequestState = 'not sent';

  constructor(bound: TimeBound | undefined, follow: string) {
    this.bound = bound;
    this.follow = follow;
  }

  /**
   * What `work` waits for has to end with the bound by itself.
   * @throws what `work` throws; of what did not respond in time, CertmanError `temporal/unreachable` or `kubernetes/unreachable`,
   * and `internal/unexpected` of a request that a workflow has accepted.
   */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const { bound } = this;
    if (bound === undefined) return await work();
    if (bound.leftMs === 0) throw this.#notBegun(bound);
    try {
      return await work();
    } catch (error) {
      throw bound.isOver ? this.#timeoutError(error, bound) : error;
    }
  }

  /** Where a command does several in a row, or the time was over before. */
  #notBegun({ flag }: TimeBound): CertmanError {
    return new CertmanError({
      code: 'internal/unexpected',
      message: `Nothing was requested: the time of --timeout (${flag}) is over.`,
      remedy: 'The same command, with a longer --timeout, does the rest.',
    });
  }

  /** A failure that is no wait stays as it is. */
  #timeoutError(error: unknown, { flag }: TimeBound): unknown {
    const isOfPlugin = error instanceof PluginTimeoutError;
    const isOfApiServer = isOfPlugin || (error instanceof Error && error.name === 'TimeoutError');
    if (!isOfApiServer && !isUnavailable(error)) return error;
    if (this.state === 'accepted') {
      return new CertmanError({
        code: 'internal/unexpected',
        message: `The time of --timeout (${flag}) is over. The workflow has accepted the request, and goes on with it.`,
        remedy: `See what becomes of it: ${this.follow}`,
        cause: error,
      });
    }
    const why = isOfPlugin
      ? error.message
      : isOfApiServer
        ? 'The API server does not respond.'
        : unavailableMessage(error);
    const isSent = this.state === 'sent';
    return new CertmanError({
      code: isOfApiServer ? 'kubernetes/unreachable' : 'temporal/unreachable',
      message: `${why} ${isSent ? 'The request was sent, and may still be carried out' : 'Nothing was requested'}: the time of --timeout (${flag}) is over.`,
      remedy: isSent ? `See whether it is: ${this.follow}` : `See what is wrong: ${commandLine('doctor')}`,
      cause: error,
    });
  }
}
