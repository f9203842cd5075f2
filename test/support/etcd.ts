/** The store behind the hub's API server, for tests that need it to have forgotten. */

/**
 * Compacts everything up to now, as the API server does every five minutes.
 * @returns false when the address of etcd (CERTMAN_TEST_ETCD, `http://host:port`) is not known.
 */
export async function compactEtcd(): Promise<boolean> {
  const address = process.env['CERTMAN_TEST_ETCD'];
  if (address === undefined) return false;
  const post = async (path: string, body: object): Promise<unknown> => {
    const answer = await fetch(`${address}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd answered ${answer.status} to ${path}`);
    return await answer.json();
  };
  const status = (await post('/v3/maintenance/status', {})) as { readonly header: { readonly revision: string } };
  await post('/v3/kv/compaction', { revision: status.header.revision, physical: true });
  return true;
}
