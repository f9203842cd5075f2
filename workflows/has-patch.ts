import { patched, workflowInfo } from '@temporalio/workflow';

/**
 * Whether a run has a patch: by its input, or by a marker. A worker of an earlier version writes the marker although the input
 * has the patch, so that a replay must ask for it.
 * @param given patches of the input; absent: of an earlier version.
 */
export function hasPatch(patch: string, given: readonly string[] | undefined): boolean {
  if (given?.includes(patch) !== true) return patched(patch);
  // Without its marker in the history, this leaves none.
  if (workflowInfo().unsafe.isReplaying) patched(patch);
  return true;
}
