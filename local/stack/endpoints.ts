/** Addresses and files of a running stack: plain data, also in `endpoints.json` of the state folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LocalStackError } from './local-stack-error.ts';
import { ENDPOINTS_FILE } from './state-folder.ts';

const endpointsSchema = z.object({
  stateDir: z.string(),
  temporal: z.object({
    /** `host:port` of the frontend. */
    address: z.string(),
    namespace: z.string(),
    /** Empty where there is none. */
    uiUrl: z.string(),
    metricsUrl: z.string(),
  }),
  kubernetes: z.object({
    server: z.string(),
    caFile: z.string(),
    /** Kubeconfig of a member of `system:masters`. */
    adminKubeconfig: z.string(),
    etcdUrl: z.string(),
  }),
  acme: z.object({
    directoryUrl: z.string(),
    managementUrl: z.string(),
    caFile: z.string(),
    /** PEM of the roots of what it issues. */
    rootsFile: z.string(),
  }),
  route53: z.object({
    endpoint: z.string(),
    region: z.string(),
    credentials: z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }),
  }),
  dns: z.object({
    /** `host:port`, UDP and TCP. */
    address: z.string(),
    dohUrl: z.string(),
    caFile: z.string(),
    zonesDir: z.string(),
    /** Contains the process id of CoreDNS, which reloads its zones on SIGUSR1. */
    pidFile: z.string(),
  }),
});

/** Endpoints of a stack, as every process can read them. */
export type StackEndpoints = z.infer<typeof endpointsSchema>;

/** Reads the endpoints of a stack that another process runs. @throws LocalStackError when there is none in the folder. */
export async function readEndpoints(stateDir: string): Promise<StackEndpoints> {
  const file = join(stateDir, ENDPOINTS_FILE);
  try {
    return endpointsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new LocalStackError({
      message: `There is no running stack in ${stateDir}: ${file} cannot be read.`,
      remedy: 'Start one with npm run stack -- up, or name its folder with --state.',
      cause,
    });
  }
}
