import { mkdir, writeFile } from 'node:fs/promises';
import { writeKubeconfig } from '../stack/management-cluster/kubeconfig.ts';
import { corefile, pebbleConfiguration } from '../stack/parts/flags.ts';
import { adminToken, serviceAccountKey } from '../stack/parts/kube-apiserver.ts';
import { tlsFiles } from '../stack/tls.ts';
import { ENDPOINTS, FILES, PORTS, TLS_SERVICES } from './endpoints.ts';

const ALL_INTERFACES = '0.0.0.0';

/** Writes keys, kubeconfigs and configuration files into the shared volume; keys that exist are kept over a restart. */
export async function prepareVolume(): Promise<void> {
  const folders = [
    FILES.etcd,
    FILES.kubeApiServer,
    FILES.controllerManager,
    FILES.pebble,
    FILES.coreDns,
    FILES.zonesDir,
  ];
  // etcd refuses a folder that other users can read.
  for (const folder of folders) await mkdir(folder, { recursive: true, mode: 0o700 });
  await tlsFiles(FILES.tls, TLS_SERVICES);
  const { certFile, keyFile, caFile, zonesDir } = FILES;
  const token = await adminToken(FILES.tokensFile);
  await serviceAccountKey(FILES.serviceAccountKeyFile);
  const { server } = ENDPOINTS.kubernetes;
  await writeKubeconfig(FILES.adminKubeconfig, { server, caFile, user: 'admin', token });
  const pebble = { host: ALL_INTERFACES, port: PORTS.acme, managementPort: PORTS.acmeManagement, certFile, keyFile };
  await writeFile(FILES.pebbleConfiguration, JSON.stringify(pebbleConfiguration(pebble), undefined, 2));
  const dns = { host: ALL_INTERFACES, dnsPort: PORTS.dns, dohPort: PORTS.doh, certFile, keyFile, zonesDir };
  await writeFile(FILES.corefile, corefile(dns));
  // CoreDNS is the first process of its container.
  await writeFile(ENDPOINTS.dns.pidFile, '1\n');
}
