/** Clients of the local management cluster's API server: certman's own as administrator, and one with Hive's field manager. */
import { readFile } from 'node:fs/promises';
import pLimit from 'p-limit';
import { Agent } from 'undici';
import { z } from 'zod';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';
import { LocalStackError } from '../local-stack-error.ts';

/** Path of an object, such as `/api/v1/namespaces/sample`, and the body of the request. */
export interface ObjectPatch {
  readonly path: string;
  readonly body: unknown;
}

/** Writes objects as Hive and its users do. */
export interface HiveClient {
  /** Server-side apply, 16 at once, in any order. */
  apply(writes: readonly ObjectPatch[]): Promise<void>;
  /** JSON merge patch (RFC 7386), 16 at once, in any order. */
  mergePatch(writes: readonly ObjectPatch[]): Promise<void>;
}

const FIELD_MANAGER = 'hive';
const MAX_CONCURRENT_REQUESTS = 16;

const kubeconfigSchema = z.object({
  clusters: z
    .array(z.object({ cluster: z.object({ server: z.string(), 'certificate-authority': z.string() }) }))
    .min(1),
  users: z.array(z.object({ user: z.object({ token: z.string() }) })).min(1),
});

/** Runs `body` with a client of field manager `hive`. @param kubeconfig path of a kubeconfig of the stack. @throws LocalStackError */
export async function withHiveClient<T>(kubeconfig: string, body: (api: HiveClient) => Promise<T>): Promise<T> {
  const { clusters, users } = kubeconfigSchema.parse(JSON.parse(await readFile(kubeconfig, 'utf8')));
  const [[entry], [user]] = [clusters, users];
  if (entry === undefined || user === undefined)
    throw new LocalStackError({ message: `${kubeconfig} names no cluster.` });
  const { server, 'certificate-authority': caFile } = entry.cluster;
  const agent = new Agent({ connect: { ca: await readFile(caFile, 'utf8') }, connections: MAX_CONCURRENT_REQUESTS });
  const limit = pLimit(MAX_CONCURRENT_REQUESTS);
  const patchAll = async (writes: readonly ObjectPatch[], contentType: string, query: string): Promise<void> => {
    await Promise.all(writes.map((write) => limit(() => patch(write, contentType, query))));
  };
  const patch = async (write: ObjectPatch, contentType: string, query: string): Promise<void> => {
    const answer = await agent.request({
      origin: server,
      path: `${write.path}?fieldManager=${FIELD_MANAGER}${query}`,
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${user.user.token}`,
        'content-type': contentType,
        'user-agent': 'certman-local',
      },
      body: JSON.stringify(write.body),
    });
    const text = await answer.body.text();
    if (answer.statusCode < 300) return;
    throw new LocalStackError({
      message: `The management cluster answered ${answer.statusCode} for ${write.path}: ${text.slice(0, 500)}`,
    });
  };
  try {
    return await body({
      apply: (writes) => patchAll(writes, 'application/apply-patch+yaml', '&force=true'),
      mergePatch: (writes) => patchAll(writes, 'application/merge-patch+json', ''),
    });
  } finally {
    await agent.destroy();
  }
}

/** Runs `body` with certman's own client. @param kubeconfig path of the administrator's kubeconfig. */
export async function withAdmin<T>(kubeconfig: string, body: (admin: KubernetesClient) => Promise<T>): Promise<T> {
  const admin = new KubernetesClient(loadKubeConfig({ path: kubeconfig }));
  try {
    return await body(admin);
  } finally {
    await admin.close();
  }
}
