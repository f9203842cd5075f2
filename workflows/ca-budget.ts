/** The budget of a CA's account, which the workers of every management cluster ask. docs/decisions/ca-budget.md */
import { allHandlersFinished, condition, continueAsNew, setHandler, sleep } from '@temporalio/workflow';
import {
  authorizationsFailed,
  budgetStatus,
  type CaBudgetInput,
  orderRefused,
  ordersReleased,
  reserveOrders,
} from '../src/contract/ca-budget.ts';
import { Account } from './budget/account.ts';
import {
  isFailedAuthorizations,
  isOrderRefusal,
  isReleasedOrders,
  requireReserveRequest,
} from './budget/reserve-request.ts';
import { onSignal } from './on-signal.ts';

/** Orders that did not come are dropped so often while no other order asks. */
const PRUNE_INTERVAL = '6 hours';

/** Runs for ever. */
export async function caBudget(input: CaBudgetInput): Promise<never> {
  const account = new Account(input);
  setHandler(reserveOrders, (request) => account.reserve(request), {
    description: 'When orders may be placed.',
    validator: requireReserveRequest,
  });
  onSignal(
    orderRefused,
    isOrderRefusal,
    (refusal) => account.onOrderRefused(refusal),
    'The CA has refused an order by one of its limits.',
  );
  onSignal(
    authorizationsFailed,
    isFailedAuthorizations,
    (failed) => account.onAuthorizationsFailed(failed),
    'The CA could not authorize names.',
  );
  onSignal(
    ordersReleased,
    isReleasedOrders,
    (released) => account.onOrdersReleased(released),
    'Orders are not wanted any more.',
  );
  setHandler(budgetStatus, (request) => account.status(request), {
    description: 'What is left of each limit, and who waits.',
  });
  // It ends with the run, also with one that is cancelled.
  pruneRegularly(account).catch(() => undefined);
  while (!account.mayContinueAsNew()) {
    await condition(() => account.hasWork || account.mayContinueAsNew());
    account.work();
  }
  do {
    account.work();
    await condition(() => account.hasWork || (allHandlersFinished() && account.isSilent));
  } while (account.hasWork);
  return await continueAsNew<typeof caBudget>(account.continueAsNewInput());
}

/** One timer for many orders, and none while no order waits. */
async function pruneRegularly(account: Account): Promise<never> {
  for (;;) {
    await condition(() => account.isWaitedFor);
    await sleep(PRUNE_INTERVAL, { summary: 'drop orders that did not come' });
    account.requestWork();
  }
}
