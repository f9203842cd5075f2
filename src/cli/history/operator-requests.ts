/** What operators asked a cluster's workflow for: who is what the client of the update or the signal says of itself. */
import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import { renew } from '../../contract/cluster-certificates.ts';
import { revocationRequested } from '../../contract/revocation-request.ts';
import { fieldsOf, isText } from '../../contract/shape.ts';
import { PAGE_TIMEOUT_MS } from '../cluster-workflow.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
type Payloads = readonly temporal.api.common.v1.IPayload[];

/** The run of a cluster's workflow that started an order. */
export interface ParentRun {
  readonly workflowId: string;
  readonly runId: string;
}

/** A renewal or a revocation that was asked for. */
export interface OperatorRequest {
  readonly kind: 'renewal' | 'revocation';
  /** Epoch milliseconds. */
  readonly at: number;
  readonly by: string;
  /** Absent: of all bundles, or its argument cannot be decrypted. */
  readonly bundle?: string;
  /** Of the certificate to be revoked; absent where the argument cannot be decrypted. */
  readonly serialNumber?: string;
}

/** A request outlives its run where another certificate of the cluster was renewed first; nearly none outlives two. */
const MAX_RUNS = 2;

interface RequestsOfRun {
  readonly requests: readonly OperatorRequest[];
  /** Id of the run that it continues. */
  readonly previous?: string | undefined;
}

/** Reads each run once. */
export class OperatorRequests {
  readonly #client: Client;
  readonly #byRun = new Map<string, Promise<RequestsOfRun>>();

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Those before an order, oldest first, of its run and of the one before: that other bundles have requests in its run says
   * nothing of this one's. None when the runs are no longer there, or their clients gave no name.
   */
  async before({ workflowId, runId }: ParentRun, orderedAt: Date): Promise<readonly OperatorRequest[]> {
    const found: OperatorRequest[] = [];
    let run: string | undefined = runId;
    for (let runs = 0; run && runs < MAX_RUNS; runs += 1) {
      const read: Promise<RequestsOfRun> = this.#byRun.get(run) ?? this.#read(workflowId, run);
      this.#byRun.set(run, read);
      const { requests, previous } = await read;
      found.unshift(...requests);
      run = previous;
    }
    return found.filter(({ at }) => at <= orderedAt.getTime());
  }

  async #read(workflowId: string, runId: string): Promise<RequestsOfRun> {
    try {
      const { events } = await this.#client.withDeadline(Date.now() + PAGE_TIMEOUT_MS, () =>
        this.#client.workflow.getHandle(workflowId, runId).fetchHistory(),
      );
      const decode = (payloads: Payloads) => this.#decode(payloads);
      const requests = (await Promise.all((events ?? []).map((event) => requestIn(event, decode)))).flat();
      const previous = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
      return { requests, previous: previous ?? undefined };
    } catch {
      // Of certificates, this is the least: the rest of the history is shown.
      return { requests: [] };
    }
  }

  async #decode(payloads: Payloads): Promise<unknown> {
    try {
      const [argument] = await decodeArrayFromPayloads(this.#client.options.loadedDataConverter, [...payloads]);
      return argument;
    } catch {
      // Encrypted, without the keys here: who asked is known all the same.
      return undefined;
    }
  }
}

/** The update `renew` or the signal `revocationRequested` in an event. @param decode never rejects. */
export async function requestIn(
  event: HistoryEvent,
  decode: (payloads: Payloads) => Promise<unknown>,
): Promise<readonly OperatorRequest[]> {
  const sent = sentBy(event);
  if (sent === undefined) return [];
  const { kind, by, payloads } = sent;
  const at = Number(event.eventTime?.seconds ?? 0) * 1000 + (event.eventTime?.nanos ?? 0) / 1e6;
  const { bundleName, serialNumber } = fieldsOf<{ bundleName: string; serialNumber: string }>(await decode(payloads));
  return [
    {
      kind,
      at,
      by,
      ...(isText(bundleName, 600) && { bundle: bundleName }),
      ...(isText(serialNumber, 600) && { serialNumber }),
    },
  ];
}

function sentBy(event: HistoryEvent): (Pick<OperatorRequest, 'kind' | 'by'> & { payloads: Payloads }) | undefined {
  const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest;
  if (update?.input?.name === renew.name && update.meta?.identity)
    return { kind: 'renewal', by: update.meta.identity, payloads: update.input.args?.payloads ?? [] };
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal?.signalName === revocationRequested.name && signal.identity)
    return { kind: 'revocation', by: signal.identity, payloads: signal.input?.payloads ?? [] };
  return undefined;
}
