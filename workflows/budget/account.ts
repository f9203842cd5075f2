import { condition, getExternalWorkflowHandle, log, patched, workflowInfo } from '@temporalio/workflow';
import {
  type BudgetStatus,
  type BudgetStatusRequest,
  bundleOfOrder,
  type CaBudgetInput,
  type FailedAuthorizations,
  LIMIT_KINDS,
  type LimitKindUsage,
  MAX_TURN_WAIT_MS,
  type OrderRefusal,
  type ReleasedOrders,
  type ReserveRequest,
  type WorkerLimits,
} from '../../src/contract/ca-budget.ts';
import { orderMoved } from '../../src/contract/cluster-certificates.ts';
import { ORDERS_RELEASED } from '../../src/contract/patches.ts';
import { caLimitsFrom } from '../../src/rate-limit/account-limits.ts';
import type { BudgetOrder } from '../../src/rate-limit/budget-order.ts';
import { type BudgetUsage, CaBudget, type Reservation, type WaitingOrder } from '../../src/rate-limit/ca-budget.ts';
import type { CaBudgetState } from '../../src/rate-limit/ca-budget-state.ts';
import { turnMessage } from '../../src/rate-limit/turn-text.ts';

/** Of the 2,000 that the server allows in a run. */
const MAX_REQUESTS_PER_RUN = 1_500;

/** Of the 2,000 signals to other workflows that a run may have under way. */
const MAX_SIGNALS_AT_ONCE = 200;

/** A request with its answer, once there is one. */
interface Question {
  readonly orders: readonly BudgetOrder[];
  answers?: readonly Reservation[];
}

/** The state of a run of `caBudget`. */
export class Account {
  readonly #input: CaBudgetInput;
  #limits: WorkerLimits;
  #budget: CaBudget;
  #requests = 0;
  #asked: Question[] = [];
  /** Something has changed that moves orders. */
  #isChanged = false;
  #moved: Reservation[] = [];
  #announcing = false;

  constructor(input: CaBudgetInput) {
    const { limits, carried, used = [] } = input;
    this.#input = input;
    this.#limits = limits;
    this.#budget = budgetWith(limits, carried);
    if (carried !== undefined) return;
    for (const [scope, instants] of used) this.#budget.usedBefore(scope, instants, Date.now());
  }

  /** Answers once all requests of the workflow task are known: instants are worked out once for all of them. */
  async reserve({ orders, limits }: ReserveRequest): Promise<readonly Reservation[]> {
    this.#requests += 1;
    if (limits.since > this.#limits.since) this.#useLimits(limits);
    const question: Question = { orders };
    this.#asked.push(question);
    await condition(() => question.answers !== undefined);
    return question.answers ?? [];
  }

  onOrderRefused({ order, counted, until }: OrderRefusal): void {
    const now = Date.now();
    const at = Date.parse(until);
    // Absurd otherwise: a CA's limits have periods of a week at most.
    if (!(at > now && at <= now + MAX_TURN_WAIT_MS)) return;
    this.#budget.refused(order, counted, at, now);
    log.warn('The CA has refused an order, which moves others', { counted, until, order: order.id });
    this.#isChanged = true;
  }

  onAuthorizationsFailed({ names }: FailedAuthorizations): void {
    for (const name of names) this.#budget.failed(name, Date.now());
  }

  onOrdersReleased({ ids }: ReleasedOrders): void {
    // Only a run that gets the signal has the marker.
    if (!patched(ORDERS_RELEASED)) return;
    for (const id of ids) this.#budget.release(id);
    this.#isChanged = true;
  }

  status({ most, scope }: BudgetStatusRequest): BudgetStatus {
    const { caHost, accountUrl } = this.#input;
    const isWanted = (one: { readonly scope: string }): boolean => scope === undefined || one.scope === scope;
    const all = this.#budget.usage(Date.now());
    const queue = this.#budget.queue();
    const usage = all
      .filter(isWanted)
      .sort(
        (one, other) =>
          Number(other.scope === 'account') - Number(one.scope === 'account') ||
          one.left / one.burst - other.left / other.burst ||
          other.waiting - one.waiting,
      );
    const wanted = queue.filter(isWanted);
    return {
      caHost,
      accountUrl,
      usage: usage.slice(0, most),
      limits: usage.length,
      queue: wanted.slice(0, most),
      waiting: wanted.length,
      kinds: LIMIT_KINDS.flatMap((kind) => kindUsage(kind, all, queue) ?? []),
    };
  }

  get hasWork(): boolean {
    return this.#asked.length > 0 || this.#isChanged;
  }

  get isWaitedFor(): boolean {
    return this.#budget.waiting > 0;
  }

  /** Whether no announcement is under way. */
  get isSilent(): boolean {
    return !this.#announcing;
  }

  requestWork(): void {
    this.#isChanged = true;
  }

  work(): void {
    const now = Date.now();
    const questions = this.#asked.splice(0);
    this.#isChanged = false;
    const answers = this.#budget.reserveAll(
      questions.flatMap(({ orders }) => orders),
      now,
    );
    let start = 0;
    for (const question of questions) {
      question.answers = answers.slice(start, start + question.orders.length);
      start += question.orders.length;
    }
    this.#budget.prune(now);
    this.#moved.push(...this.#budget.takeMoves(now));
    if (this.#moved.length > 0 && !this.#announcing) void this.#announceMoves();
  }

  mayContinueAsNew(): boolean {
    return this.#requests >= MAX_REQUESTS_PER_RUN || workflowInfo().continueAsNewSuggested;
  }

  continueAsNewInput(): CaBudgetInput {
    const { caHost, accountUrl } = this.#input;
    return { caHost, accountUrl, limits: this.#limits, carried: this.#budget.toState(Date.now()) };
  }

  /** Each order that moved gets one signal. Nothing waits for it. */
  async #announceMoves(): Promise<void> {
    this.#announcing = true;
    while (this.#moved.length > 0) {
      await Promise.all(this.#moved.splice(0, MAX_SIGNALS_AT_ONCE).map((moved) => this.#announceMove(moved)));
    }
    this.#announcing = false;
  }

  async #announceMove(moved: Reservation): Promise<void> {
    const { workflowId, bundleName } = bundleOfOrder(moved.id);
    const at = Math.min(moved.at, Date.now() + MAX_TURN_WAIT_MS);
    const { message, remedy } = turnMessage(this.#input.caHost, moved, at);
    try {
      const move = { bundleName, at: new Date(at).toISOString(), message, remedy };
      await getExternalWorkflowHandle(workflowId).signal(orderMoved, move);
    } catch (error) {
      log.info('The workflow of an order is gone', { workflowId, error: String(error) });
      this.#budget.release(moved.id);
      this.#isChanged = true;
    }
  }

  #useLimits(limits: WorkerLimits): void {
    const { since: _before, ...before } = this.#limits;
    const { since: _since, ...now } = limits;
    this.#limits = limits;
    if (JSON.stringify(before) === JSON.stringify(now)) return;
    this.#budget = budgetWith(limits, this.#budget.toState(Date.now()));
    this.#isChanged = true;
  }
}

/** Undefined: nothing is used of such a limit, and no order waits for one. */
function kindUsage(
  kind: LimitKindUsage['kind'],
  usage: readonly BudgetUsage[],
  queue: readonly WaitingOrder[],
): LimitKindUsage | undefined {
  const isOfKind = ({ scope }: { readonly scope: string }): boolean => scope.split(':')[0] === kind;
  const [first, ...others] = usage.filter(isOfKind);
  if (first === undefined) return undefined;
  const tightest = others.reduce(
    (one, other) => (other.left / other.burst < one.left / one.burst ? other : one),
    first,
  );
  const { burst, left, intervalMs } = tightest;
  return { kind, waiting: queue.filter(isOfKind).length, burst, left, intervalMs };
}

function budgetWith(limits: WorkerLimits, state: CaBudgetState | undefined): CaBudget {
  return new CaBudget(caLimitsFrom(limits), Date.now(), state);
}
