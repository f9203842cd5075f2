/** Collects every text that a run of certman leaves (histories, logs, metrics, objects), and the Secrets that existed. */
import { readFile } from 'node:fs/promises';
import type { WorkerProcess } from '../../../local/stack/worker-process.ts';
import { type KubernetesObject, type ResourceType } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { listAndWatch } from '../../../src/kubernetes/api/list-and-watch.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CONFIG_MAPS,
  EVENTS,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { type SearchableText, textOf } from './find-secrets.ts';
import type { E2eHarness } from './harness.ts';

/** Every version of the objects of a kind that the API server sent. */
export interface ObjectRecording {
  readonly objects: readonly KubernetesObject[];
  stop(): Promise<void>;
}

/** Lists and watches a kind until stopped. */
export function recordObjects(lab: E2eHarness, resource: ResourceType): ObjectRecording {
  const stop = new AbortController();
  const objects: KubernetesObject[] = [];
  const record = async (): Promise<void> => {
    for await (const event of listAndWatch(lab.kubernetes, resource, { signal: stop.signal })) {
      if (event.kind === 'page') objects.push(...event.objects);
      if (event.kind === 'applied' || event.kind === 'deleted') objects.push(event.object);
    }
  };
  const recording = record().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    objects,
    stop: async () => {
      stop.abort(new Error('the run is over'));
      await recording;
    },
  };
}

/** Recordings of all kinds that a run writes. */
export interface RunRecording {
  readonly secrets: ObjectRecording;
  /** Kinds that hold no secrets, by name of the kind. */
  readonly open: readonly (readonly [string, ObjectRecording])[];
  stop(): Promise<void>;
}

/** Starts to record a run. */
export function recordRun(lab: E2eHarness): RunRecording {
  const secrets = recordObjects(lab, SECRETS);
  const open = [CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, EVENTS, CONFIG_MAPS].map(
    (resource) => [resource.kind, recordObjects(lab, resource)] as const,
  );
  return {
    secrets,
    open,
    stop: async () => {
      await Promise.all([secrets.stop(), ...open.map(([, recording]) => recording.stop())]);
    },
  };
}

async function scrape(url: string): Promise<string> {
  const answer = await fetch(url);
  return await answer.text();
}

/** @returns a worker's log and its current metrics. */
export async function workerTexts(worker: WorkerProcess): Promise<readonly SearchableText[]> {
  return [
    { where: 'log', text: await readFile(worker.logFile, 'utf8') },
    { where: 'metrics', text: await scrape(worker.metricsUrl) },
    { where: 'metrics of the SDK', text: await scrape(worker.sdkMetricsUrl) },
  ];
}

/** @returns the histories, descriptions and details of all workflow runs, and every version of the recorded objects. */
export async function runTexts(lab: E2eHarness, run: RunRecording): Promise<readonly SearchableText[]> {
  const texts: SearchableText[] = [];
  for await (const { workflowId, runId } of lab.client.workflow.list()) {
    const handle = lab.client.workflow.getHandle(workflowId, runId);
    const description = await handle.describe();
    texts.push({ where: `history of ${workflowId}`, text: textOf(await handle.fetchHistory()) });
    texts.push({ where: `description of ${workflowId}`, text: textOf(description.raw) });
    if (description.status.name === 'RUNNING') {
      texts.push({
        where: `details of ${workflowId}`,
        text: textOf(await handle.query('__temporal_workflow_metadata')),
      });
    }
  }
  for (const [kind, { objects }] of run.open) {
    for (const object of objects) texts.push({ where: `${kind} ${object.metadata.name}`, text: textOf(object) });
  }
  return texts;
}
