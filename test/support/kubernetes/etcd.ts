/** etcd behind the API server, for tests that compact its history. */
import { useStack } from '../vitest/use-stack.ts';

/** When it is reached, the stack is not prepared yet: no test has a position, or a list under way, that is as old. */
const REVISION = '10';

/**
 * Compacts the first revisions, as the API server does every five minutes with what is older than that. Tests that run
 * beside resume at later ones: those would be lost to them with all up to now.
 */
export async function compactFirstRevisions(): Promise<void> {
  const { etcdUrl } = useStack().kubernetes;
  const body = JSON.stringify({ revision: REVISION, physical: true });
  const answer = await fetch(`${etcdUrl}/v3/kv/compaction`, { method: 'POST', body });
  if (answer.ok) return;
  const text = await answer.text();
  if (!text.includes('has been compacted')) throw new Error(`etcd answered ${answer.status}: ${text}`);
}
