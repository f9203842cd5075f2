/** What operators asked a cluster's workflow for: who is what the client of the update or the signal says of itself. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
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

/** Of all orders together: a run has some 17 kB. */
const MAX_RUNS = 100;

interface RequestsOfRun {
  readonly requests: readonly OperatorRequest[];
  /** Id of the run that it continues. */
  readonly previous?: string | undefined;
  /** Epoch milliseconds. */
  readonly startedAt?: number;
  /** It may be there, and was not read. */
  readonly isUnread?: true;
}

/** What an order is searched for. */
export interface AskedFor {
  readonly orderedAt: Date;
  /** Epoch milliseconds: it was asked for later. Absent: whenever. */
  readonly since?: number;
  /** Whether it is the request that the order is due to. */
  readonly isIt: (request: OperatorRequest) => boolean;
}

/** Reads each run once. */
export class OperatorRequests {
  readonly #client: Client;
  readonly #maxRuns: number;
  readonly #byRun = new Map<string, Promise<RequestsOfRun>>();
  #unreadBefore: number | undefined;

  constructor(client: Client, maxRuns = MAX_RUNS) {
    this.#client = client;
    this.#maxRuns = maxRuns;
  }

  /** Epoch milliseconds: what was asked for before may not have been found. Undefined: all that Temporal has was read. */
  get unreadBefore(): number | undefined {
    return this.#unreadBefore;
  }

  /**
   * Those before an order, oldest first, of its run and of those before, back to what it is due to: a request outlives its run
   * where other certificates of the cluster are renewed first. None when the runs are no longer there, or their clients gave no name.
   */
  async before(
    { workflowId, runId }: ParentRun,
    { orderedAt, since = 0, isIt }: AskedFor,
  ): Promise<readonly OperatorRequest[]> {
    const found: OperatorRequest[] = [];
    let earliest = orderedAt.getTime();
    let run: string | undefined = runId;
    // Bounded: Temporal says which run another one continues.
    for (let runs = 0; run && earliest >= since && runs <= this.#maxRuns; runs += 1) {
      const { requests, previous, startedAt, isUnread }: RequestsOfRun = await this.#readOnce(workflowId, run);
      if (isUnread) this.#unreadBefore = Math.max(this.#unreadBefore ?? 0, earliest);
      const earlier = requests.filter(({ at }) => at <= orderedAt.getTime());
      found.unshift(...earlier);
      if (earlier.some(isIt)) break;
      earliest = startedAt ?? earliest;
      run = previous;
    }
    return found;
  }

  #readOnce(workflowId: string, runId: string): Promise<RequestsOfRun> {
    const known = this.#byRun.get(runId);
    if (known !== undefined) return known;
    if (this.#byRun.size >= this.#maxRuns) return Promise.resolve({ requests: [], isUnread: true });
    const read = this.#read(workflowId, runId);
    this.#byRun.set(runId, read);
    return read;
  }

  async #read(workflowId: string, runId: string): Promise<RequestsOfRun> {
    try {
      const { events } = await this.#client.withDeadline(Date.now() + PAGE_TIMEOUT_MS, () =>
        this.#client.workflow.getHandle(workflowId, runId).fetchHistory(),
      );
      const decode = (payloads: Payloads) => this.#decode(payloads);
      const requests = (await Promise.all((events ?? []).map((event) => requestIn(event, decode)))).flat();
      const [first] = events ?? [];
      const previous = first?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
      return { requests, previous: previous ?? undefined, startedAt: first && timeOf(first) };
    } catch (error) {
      // Of certificates, this is the least: the rest of the history is shown.
      return error instanceof WorkflowNotFoundError ? { requests: [] } : { requests: [], isUnread: true };
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
  const at = timeOf(event);
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

/** Epoch milliseconds. */
function timeOf({ eventTime }: HistoryEvent): number {
  return Number(eventTime?.seconds ?? 0) * 1000 + (eventTime?.nanos ?? 0) / 1e6;
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
