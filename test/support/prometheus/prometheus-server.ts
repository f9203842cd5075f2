/** A Prometheus that scrapes workers as the ServiceMonitor has it, with certman's rules. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { executable } from '../../../local/stack/build/executables.ts';
import { sendRequest } from '../../../local/stack/http.ts';
import { spawnGuarded } from '../../../local/stack/process/guarded-process.ts';
import { freePort } from '../../../local/stack/process/ports.ts';
import type { WorkerProcess } from '../../../local/stack/worker-process.ts';
import { waitFor } from '../e2e/checks.ts';
import { prometheusRules } from './monitoring-component.ts';

/** Of deploy/base/service.yaml and deploy/components/monitoring: what the operator makes labels of. */
const TARGET = {
  namespace: 'certman-operator',
  service: 'certman-metrics',
  job: 'certman-metrics',
  container: 'certman',
};

/** A series and its value, of an instant query. A scalar has no labels. */
export interface QueriedSample {
  readonly metric: Readonly<Record<string, string>>;
  /** May be `NaN`. */
  readonly value: number;
}

const valueSchema = z.tuple([z.number(), z.string()]).transform(([, value]) => Number(value));
const answerSchema = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [
      z.object({
        resultType: z.literal('vector'),
        result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: valueSchema })),
      }),
      z.object({ resultType: z.literal('scalar'), result: valueSchema }),
    ]),
  }),
  z.object({ status: z.literal('error'), error: z.string() }),
]);

/** A Prometheus that runs. */
export interface PrometheusServer {
  /** Evaluates an expression now. @throws Error with what Prometheus answers to one that fails. */
  query(expr: string): Promise<readonly QueriedSample[]>;
  /** Ends it. */
  stop(): Promise<void>;
}

/**
 * Starts a Prometheus that scrapes each two seconds, and waits until it has scraped every target.
 * @param workers by the name of their pod. @param folder is created, for its configuration, series and log.
 */
export async function startPrometheus(
  workers: Readonly<Record<string, Pick<WorkerProcess, 'metricsUrl' | 'sdkMetricsUrl'>>>,
  folder: string,
): Promise<PrometheusServer> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'rules.yaml'), stringify(prometheusRules()));
  const groups = Object.entries(workers).flatMap(([pod, { metricsUrl, sdkMetricsUrl }]) =>
    [metricsUrl, sdkMetricsUrl].map((url, index) => ({
      targets: [new URL(url).host],
      labels: { ...TARGET, pod, instance: `${pod}:${index}` },
    })),
  );
  const config = {
    global: { scrape_interval: '2s', evaluation_interval: '2s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [{ job_name: TARGET.job, static_configs: groups }],
  };
  await writeFile(join(folder, 'prometheus.yml'), stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const server = await spawnGuarded({
    command: await executable('prometheus'),
    args: [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    logFile: join(folder, 'prometheus.log'),
  });
  const query = async (expr: string): Promise<readonly QueriedSample[]> => {
    const { body } = await sendRequest(`http://${address}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const answer = answerSchema.parse(JSON.parse(body));
    if (answer.status === 'error') throw new Error(`Prometheus refuses ${expr}: ${answer.error}`);
    const { data } = answer;
    return data.resultType === 'scalar' ? [{ metric: {}, value: data.result }] : data.result;
  };
  try {
    await waitFor('Prometheus has scraped every target', async () => {
      if (server.ended() !== undefined) return `it ended with ${server.ended()}: ${join(folder, 'prometheus.log')}`;
      const up = await query('up == 1');
      return up.length === groups.length ? {} : `${up.length} of ${groups.length} are up`;
    });
  } catch (error) {
    await server.kill();
    throw error;
  }
  return { query, stop: () => server.stop() };
}
