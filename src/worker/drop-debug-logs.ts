// Preloaded into the workflow sandbox. The SDK logs there, at the level debug, that a workflow has started and ended: each of
// these records goes to the other thread with a copy of all that is known of the workflow.
import { log } from '@temporalio/workflow';

log.trace = () => undefined;
log.debug = () => undefined;
