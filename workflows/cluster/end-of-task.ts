import { condition } from '@temporalio/workflow';

/** Resolves in the present workflow task, once nothing else of the workflow can run in it. */
export async function endOfTask(): Promise<void> {
  let isQuiet = false;
  const becomeQuiet = async (): Promise<void> => {
    await Promise.resolve();
    isQuiet = true;
  };
  void becomeQuiet();
  // Conditions are evaluated when no microtask is left.
  await condition(() => isQuiet);
}
