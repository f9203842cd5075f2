/** How a worker takes its place beside those of other versions (docs/decisions/upgrades.md). */
import type { WorkerOptions } from '@temporalio/worker';
import type { Configuration } from '../configuration/load-configuration.ts';

type VersioningOptions = Pick<WorkerOptions, 'workerDeploymentOptions' | 'patchActivationCallback'>;

/** Unversioned, and with every change of the workflows, unless the settings say otherwise. */
export function versioningOptions({
  deploymentName,
  buildId,
  heldBackPatches = [],
}: Pick<Configuration, 'deploymentName' | 'buildId' | 'heldBackPatches'>): VersioningOptions {
  return {
    ...(deploymentName === undefined || buildId === undefined
      ? {}
      : {
          workerDeploymentOptions: {
            version: { deploymentName, buildId },
            useWorkerVersioning: true,
            // Nothing may depend on an old version's pods being there: a sleep outlives them, and an order is worth more.
            defaultVersioningBehavior: 'AUTO_UPGRADE',
          },
        }),
    // Asked only when a workflow begins: of one that runs, its history has the answer.
    ...(heldBackPatches.length === 0
      ? {}
      : { patchActivationCallback: ({ patchId }) => !heldBackPatches.some((heldBack) => heldBack === patchId) }),
  };
}
