import { proxySinks, workflowInfo } from '@temporalio/workflow';

/** What the workflow of an issuance reports to its worker. Calls are no commands: they are in no history, and not replayed. */
export type IssuanceSinks = {
  readonly issuance: {
    /** @param outcome `issued`, `cancelled`, or the failure's code. */
    ended(outcome: string): void;
  };
};

/** Reports the end of the issuance that runs, once. */
export function reportIssuanceEnd(outcome: string): void {
  if (!workflowInfo().unsafe.isReplaying) proxySinks<IssuanceSinks>().issuance.ended(outcome);
}
