import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { executable } from '../build/executables.ts';
import { sendRequest } from '../http.ts';
import { writeKubeconfig } from '../management-cluster/kubeconfig.ts';
import type { TlsFiles } from '../tls.ts';
import { apiServerFlags, auditPolicy } from './flags.ts';
import { type Part, type PartContext, startPart } from './part.ts';

/** A running API server. */
export interface KubeApiServer extends Part {
  readonly server: string;
  readonly caFile: string;
  /** Kubeconfig of a member of `system:masters`. */
  readonly adminKubeconfig: string;
}

/** Options of the API server. */
export interface KubeApiServerOptions {
  /** Every request of this user is logged in `kube-apiserver/audit.log`, one JSON object a line. */
  readonly auditUser?: string;
}

/** Starts the management cluster's API server. */
export async function startKubeApiServer(
  context: PartContext & KubeApiServerOptions & { readonly etcdUrl: string; readonly tls: TlsFiles },
): Promise<KubeApiServer> {
  const folder = join(context.stateDir, 'kube-apiserver');
  await mkdir(folder, { recursive: true });
  const tokensFile = join(folder, 'tokens.csv');
  const token = await adminToken(tokensFile);
  const serviceAccountKeyFile = await serviceAccountKey(join(folder, 'service-account.key'));
  const headers = { authorization: `Bearer ${token}` };
  const audit = context.auditUser === undefined ? undefined : await auditFiles(folder, context.auditUser);
  const { caFile, certFile, keyFile } = context.tls;
  const part = await startPart(
    {
      name: 'kube-apiserver',
      ports: ['port'],
      launch: async ({ port }) => ({
        command: await executable('kube-apiserver'),
        args: apiServerFlags({
          host: '127.0.0.1',
          port,
          etcdUrl: context.etcdUrl,
          certFile,
          keyFile,
          serviceAccountKeyFile,
          tokensFile,
          dataDir: folder,
          ...(audit === undefined ? {} : { audit }),
        }),
      }),
      // /readyz succeeds while lists still fail with 429 "storage is (re)initializing".
      isReady: async ({ port }, signal) => {
        for (const path of [
          '/readyz',
          '/api/v1/namespaces',
          '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
        ]) {
          const answer = await sendRequest(`https://127.0.0.1:${port}${path}`, { caFile, headers, signal });
          if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body.slice(0, 300)}`);
        }
        return true;
      },
    },
    context,
  );
  const server = `https://127.0.0.1:${part.ports.port}`;
  const adminKubeconfig = join(context.stateDir, 'admin.kubeconfig');
  await writeKubeconfig(adminKubeconfig, { server, caFile, user: 'admin', token });
  return Object.assign(part, { server, caFile, adminKubeconfig });
}

/** The administrator's token: that of the file, if it exists, so that kubeconfigs stay valid over a restart. */
export async function adminToken(tokensFile: string): Promise<string> {
  if (existsSync(tokensFile)) {
    const [token] = (await readFile(tokensFile, 'utf8')).split(',');
    if (token !== undefined && token !== '') return token;
  }
  const token = randomBytes(24).toString('hex');
  await writeFile(tokensFile, `${token},admin,admin,"system:masters"\n`, { mode: 0o600 });
  return token;
}

async function auditFiles(
  folder: string,
  user: string,
): Promise<{ readonly policyFile: string; readonly logFile: string }> {
  const policyFile = join(folder, 'audit-policy.json');
  await writeFile(policyFile, JSON.stringify(auditPolicy(user)));
  return { policyFile, logFile: join(folder, 'audit.log') };
}

/** Creates the key that signs tokens of ServiceAccounts, unless the file exists. @returns the file. */
export async function serviceAccountKey(file: string): Promise<string> {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'sec1', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    await writeFile(file, privateKey, { mode: 0o600 });
  }
  return file;
}
