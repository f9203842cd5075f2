/** What `@temporalio/workflow` is to the workflow code of the version before: it has never heard of the newest marker. */
import { patched as sdkPatched } from '@temporalio/workflow';
import { EARLIER_SHAPES } from './shapes.ts';

export * from '@temporalio/workflow';

export function patched(patchId: string): boolean {
  return EARLIER_SHAPES.some((shape) => shape === patchId) && sdkPatched(patchId);
}
