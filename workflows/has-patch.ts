import { patched } from '@temporalio/workflow';

/** Whether a run has a patch: by its input, or by a marker. @param given patches of the input; absent: of an earlier version. */
export function hasPatch(patch: string, given: readonly string[] | undefined): boolean {
  return given?.includes(patch) === true || patched(patch);
}
