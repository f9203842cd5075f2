/** etcd behind the API server, for tests that compact its history. */
import { useStack } from '../vitest/use-stack.ts';

/** Compacts everything up to now, as the API server does every five minutes. */
export async function compactEtcd(): Promise<void> {
  const { etcdUrl } = useStack().kubernetes;
  const post = async (path: string, body: object): Promise<unknown> => {
    const answer = await fetch(`${etcdUrl}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd answered ${answer.status} to ${path}`);
    return await answer.json();
  };
  const status = (await post('/v3/maintenance/status', {})) as { readonly header: { readonly revision: string } };
  await post('/v3/kv/compaction', { revision: status.header.revision, physical: true });
}
