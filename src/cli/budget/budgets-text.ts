import { type BudgetStatus, bundleOfOrder } from '../../contract/ca-budget.ts';
import { MAX_CERTIFICATES_PER_SET } from '../../rate-limit/runaway-limit.ts';
import { scopeText } from '../../rate-limit/turn-text.ts';
import { formatInstant, formatTable } from '../output.ts';
import type { BudgetReport, BudgetsReport } from './read-budgets.ts';
import type { BusySet } from './read-sets.ts';

/** The budgets for people. */
export function budgetsText({ budgets, sets = [], setsCountedSince }: BudgetsReport): string {
  const texts = budgets.length > 0 ? budgets.map(budgetText) : [NO_BUDGET];
  const partial = setsCountedSince === undefined ? [] : [partialText(setsCountedSince)];
  return [...texts, ...(sets.length > 0 ? [setsText(sets)] : []), ...partial].join('\n\n');
}

/** A set that is not listed is not shown to be below the bound. */
function partialText(since: string): string {
  return `Too many certificates in the last 7 days: those before ${formatInstant(since)} were not counted, so that sets can be missing here, or have more than is shown.`;
}

const NO_BUDGET =
  'No budget runs here: no order has been placed yet at a CA that has limits. Those of Let’s Encrypt are known; of other CAs, CERTMAN_CA_LIMITS states them.';

/** Of what visibility knows. */
function setsText(sets: readonly BusySet[]): string {
  const rows = sets.map(({ certificates, last, dnsNames: [first = '', ...others] }) => [
    `${certificates} of ${MAX_CERTIFICATES_PER_SET}`,
    formatInstant(last),
    others.length === 0 ? first : `${first} and ${others.length} more`,
  ]);
  const table = formatTable(['CERTIFICATES', 'LAST', 'NAMES'], rows);
  return `Sets of names that were issued again and again in the last 7 days:\n\n${table}`;
}

function budgetText({ workflowId, status, problem }: BudgetReport): string {
  if (status === undefined) return `${workflowId}: ${problem ?? ''}`;
  const { caHost, accountUrl } = status;
  return [`${caHost}, account ${accountUrl}`, '', ...limitsText(status), '', ...queueText(status)].join('\n');
}

function limitsText({ usage, limits }: BudgetStatus): readonly string[] {
  if (usage.length === 0) return ['Nothing is used.'];
  const rows = usage.map(({ scope, burst, left, nextFree, waiting }) => [
    limitName(scope),
    `${burst - left}`,
    `${left}`,
    nextFree <= Date.now() ? 'now' : instant(nextFree),
    `${waiting}`,
  ]);
  const table = formatTable(['LIMIT', 'USED', 'LEFT', 'NEXT FREE', 'WAITING'], rows);
  return limits > usage.length ? [table, `and ${limits - usage.length} more of which more is left`] : [table];
}

function queueText({ queue, waiting }: BudgetStatus): readonly string[] {
  if (queue.length === 0) return ['No order waits.'];
  const rows = queue.map(({ id, urgency, at, scope }, index) => [
    `${index + 1}`,
    instant(at),
    orderName(id),
    urgency,
    scopeText(scope),
  ]);
  const table = formatTable(['', 'ORDERED', 'CERTIFICATE', 'URGENCY', 'WAITS FOR'], rows);
  return waiting > queue.length ? [table, `and ${waiting - queue.length} more later`] : [table];
}

function limitName(scope: string): string {
  if (scope === 'account') return 'new orders of the account';
  return scope.startsWith('domain:')
    ? `certificates below ${scopeText(scope)}`
    : `exact set ${scope.slice('exactSet:'.length)}`;
}

/** `<management cluster> <namespace>/<name> (<bundle>)`, of `BudgetOrder.id`. */
function orderName(id: string): string {
  const { workflowId, bundleName } = bundleOfOrder(id);
  const [, managementCluster = '', namespace = '', name = ''] = workflowId.split('/');
  return `${managementCluster} ${namespace}/${name} (${bundleName})`;
}

function instant(at: number): string {
  return formatInstant(new Date(at).toISOString());
}
