/** Who asked for a renewal: what the client of the update says of itself. */
import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { renew } from '../../contract/cluster-certificates.ts';

/** The run of a cluster's workflow that started an order. */
export interface ParentRun {
  readonly workflowId: string;
  readonly runId: string;
}

/** Reads each run once. */
export class RenewalRequests {
  readonly #client: Client;
  readonly #byRun = new Map<string, Promise<readonly Request[]>>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** @returns undefined when the run is no longer there, or its client gave no name. */
  async requestedBy(run: ParentRun, orderedAt: Date): Promise<string | undefined> {
    const requests = this.#byRun.get(run.runId) ?? this.#read(run);
    this.#byRun.set(run.runId, requests);
    return (await requests).findLast(({ at }) => at <= orderedAt.getTime())?.by;
  }

  async #read({ workflowId, runId }: ParentRun): Promise<readonly Request[]> {
    try {
      const { events } = await this.#client.workflow.getHandle(workflowId, runId).fetchHistory();
      return (events ?? []).flatMap(requestIn);
    } catch {
      // Of certificates, this is the least: the rest of the history is shown.
      return [];
    }
  }
}

interface Request {
  readonly at: number;
  readonly by: string;
}

/** The update `renew` in an event. */
export function requestIn(event: temporal.api.history.v1.IHistoryEvent): readonly Request[] {
  const request = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest;
  const by = request?.meta?.identity;
  if (request?.input?.name !== renew.name || by === undefined || by === null || by === '') return [];
  return [{ at: Number(event.eventTime?.seconds ?? 0) * 1000 + (event.eventTime?.nanos ?? 0) / 1e6, by }];
}
