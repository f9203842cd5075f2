/** Clients of the local management cluster's API server: certman's own as administrator, and one of any field manager, such as Hive's. */
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

/** An object as the API server answers it, as far as its owner references need it. */
export interface WrittenObject {
  readonly metadata: { readonly name: string; readonly uid: string };
}

/** Writes objects as one field manager does. */
export interface ObjectWriter {
  /** Creates one object. @param collection such as `/api/v1/namespaces`. */
  create(collection: string, body: unknown): Promise<WrittenObject>;
  /** Server-side apply, 16 at once, in any order. */
  apply(writes: readonly ObjectPatch[]): Promise<void>;
  /** JSON merge patch (RFC 7386), 16 at once, in any order. */
  mergePatch(writes: readonly ObjectPatch[]): Promise<void>;
}

/** Hive and its users. */
const HIVE = 'hive';
const MAX_CONCURRENT_REQUESTS = 16;

const kubeconfigSchema = z.object({
  clusters: z
    .array(z.object({ cluster: z.object({ server: z.string(), 'certificate-authority': z.string() }) }))
    .min(1),
  users: z.array(z.object({ user: z.object({ token: z.string() }) })).min(1),
});

const writtenSchema = z.object({ metadata: z.object({ name: z.string(), uid: z.string() }) });

/** Runs `body` with a client of field manager `hive`. @param kubeconfig path of a kubeconfig of the stack. @throws LocalStackError */
export async function withHiveClient<T>(kubeconfig: string, body: (hive: ObjectWriter) => Promise<T>): Promise<T> {
  return await withObjectWriter(kubeconfig, HIVE, body);
}

/** Runs `body` with a client of a field manager, of at most 16 requests at once. @param kubeconfig as in {@link withHiveClient}. @throws LocalStackError */
export async function withObjectWriter<T>(
  kubeconfig: string,
  fieldManager: string,
  body: (writer: ObjectWriter) => Promise<T>,
): Promise<T> {
  const { clusters, users } = kubeconfigSchema.parse(JSON.parse(await readFile(kubeconfig, 'utf8')));
  const [[entry], [user]] = [clusters, users];
  if (entry === undefined || user === undefined)
    throw new LocalStackError({ message: `${kubeconfig} names no cluster.` });
  const { server, 'certificate-authority': caFile } = entry.cluster;
  const agent = new Agent({ connect: { ca: await readFile(caFile, 'utf8') }, connections: MAX_CONCURRENT_REQUESTS });
  const limit = pLimit(MAX_CONCURRENT_REQUESTS);
  const send = async (
    method: 'POST' | 'PATCH',
    { path, body: sent }: ObjectPatch,
    contentType: string,
    query = '',
  ): Promise<string> => {
    const answer = await agent.request({
      origin: server,
      path: `${path}?fieldManager=${fieldManager}${query}`,
      method,
      headers: {
        authorization: `Bearer ${user.user.token}`,
        'content-type': contentType,
        'user-agent': 'certman-local',
      },
      body: JSON.stringify(sent),
    });
    const text = await answer.body.text();
    if (answer.statusCode < 300) return text;
    throw new LocalStackError({
      message: `The management cluster answered ${answer.statusCode} for ${path}: ${text.slice(0, 500)}`,
    });
  };
  const patchAll = async (writes: readonly ObjectPatch[], contentType: string, query?: string): Promise<void> => {
    await Promise.all(writes.map((write) => limit(() => send('PATCH', write, contentType, query))));
  };
  try {
    return await body({
      create: (path, object) =>
        limit(async () =>
          writtenSchema.parse(JSON.parse(await send('POST', { path, body: object }, 'application/json'))),
        ),
      apply: (writes) => patchAll(writes, 'application/apply-patch+yaml', '&force=true'),
      mergePatch: (writes) => patchAll(writes, 'application/merge-patch+json'),
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
