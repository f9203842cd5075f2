/** deploy/helm/certman as helm renders it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { executable } from '../../../local/stack/build/executables.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { TEST_TIMEOUT_MS } from '../vitest/timeouts.ts';

/** Folder of the chart. */
export const CHART = fileURLToPath(new URL('../../../deploy/helm/certman', import.meta.url));

const run = promisify(execFile);

/** Runs helm, which reads no configuration of the user. @returns its standard output. @throws with its standard error. */
export async function helm(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout } = await run(await executable('helm'), args, {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...environment },
    timeout: TEST_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

/** How a chart is rendered. */
export interface ChartRelease {
  /** Default `certman-operator`. */
  readonly namespace?: string;
  /** Files of values. */
  readonly files?: readonly string[];
  /** Over those of the files. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** Folder or archive. Default {@link CHART}. */
  readonly chart?: string;
}

/** Arguments for the values of a release. */
export function valuesOf({ files = [], values = {} }: ChartRelease): readonly string[] {
  return [
    ...files.flatMap((file) => ['--values', file]),
    ...Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]),
  ];
}

/** The objects of a release. @throws with helm's message, as for values that the schema refuses. */
export async function renderChart(release: ChartRelease): Promise<readonly KubernetesObject[]> {
  const { namespace = 'certman-operator', chart = CHART } = release;
  const text = await helm(['template', 'certman', chart, '--namespace', namespace, ...valuesOf(release)]);
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject | null);
  return objects.filter((object) => object !== null);
}
