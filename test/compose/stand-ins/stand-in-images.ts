/**
 * Builds images with the names and tags in docker-compose.yml and the Dockerfile from the native programs and a Debian root file
 * system, for machines that cannot reach a registry. Entry points, paths and users are those of the published images, the file
 * systems are not.
 */
import { cp, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { executable, executables } from '../../../local/stack/build/executables.ts';
import type { Progress } from '../../../local/stack/progress.ts';
import { IMAGES, type ToolName } from '../../../local/stack/versions.ts';
import { ROOT, runCommand, tryCommand } from '../engine/run-command.ts';
import { EngineUnavailable } from '../engine/start-engine.ts';
import { debianRootFileSystem } from './root-file-system.ts';

interface StandInImage {
  readonly image: string;
  /** Files to copy into the build context: name in the context and source path. */
  readonly files: Readonly<Record<string, string>>;
  /** Lines of the Dockerfile after FROM. */
  readonly lines: readonly string[];
}

const PROGRAMS: readonly ToolName[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kubectl',
  'pebble',
  'coredns',
  'temporal',
];
const ROOT_IMAGE = 'certman-test/debian';
const BASE_IMAGE = 'certman-test/base';
const BUILD_TIMEOUT_MS = 20 * 60_000;
const REQUIREMENTS = fileURLToPath(new URL('../../../local/tools/moto/requirements.txt', import.meta.url));
/** Package registries that this machine's clients are configured to use. */
const REGISTRY_VARIABLES = ['npm_config_registry', 'PIP_INDEX_URL'];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Builds all images.
 * @param environment of the Docker CLI
 * @throws EngineRefused when the engine runs no containers
 */
export async function buildStandInImages(environment: Environment, progress: Progress): Promise<void> {
  const options = { environment, timeoutMs: BUILD_TIMEOUT_MS };
  const archive = await debianRootFileSystem();
  const probes = [
    ['import', '--change', 'CMD ["bash"]', archive, ROOT_IMAGE],
    ['run', '--rm', ROOT_IMAGE, 'true'],
  ];
  for (const probe of probes) {
    const { code, stderr } = await tryCommand('docker', probe, options);
    if (code !== 0) throw new EngineUnavailable(`the engine runs no container: ${stderr.trim()}`);
  }
  await executables(PROGRAMS, { progress });
  await build(base(), ROOT_IMAGE, environment);
  for (const standIn of [...(await goPrograms()), moto(), await node()]) await build(standIn, BASE_IMAGE, environment);
}

async function build(standIn: StandInImage, from: string, environment: Environment): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'certman-test-image-'));
  try {
    for (const [name, path] of Object.entries(standIn.files)) await cp(path, join(context, name), { recursive: true });
    await writeFile(join(context, 'Dockerfile'), [`FROM ${from}`, ...standIn.lines, ''].join('\n'));
    await runCommand('docker', ['build', '--quiet', '--tag', standIn.image, context], {
      // The classic builder needs no plugin.
      environment: { ...environment, DOCKER_BUILDKIT: '0' },
      timeoutMs: BUILD_TIMEOUT_MS,
    });
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** Gives builds this machine's access to package registries: its trusted CA certificates and configured addresses. */
function base(): StandInImage {
  const bundle = process.env['NODE_EXTRA_CA_CERTS'] ?? process.env['SSL_CERT_FILE'];
  const registries = REGISTRY_VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [`ENV ${name}=${value}`];
  });
  if (bundle === undefined) return { image: BASE_IMAGE, files: {}, lines: registries };
  // Not the system's file, because installing ca-certificates overwrites it.
  const inside = '/etc/ssl/machine-ca.pem';
  return {
    image: BASE_IMAGE,
    files: { 'ca.pem': bundle },
    lines: [`COPY ca.pem ${inside}`, `ENV NODE_EXTRA_CA_CERTS=${inside} PIP_CERT=${inside}`, ...registries],
  };
}

async function goPrograms(): Promise<readonly StandInImage[]> {
  const program = async (
    image: string,
    tool: ToolName,
    path: string,
    lines: readonly string[],
  ): Promise<StandInImage> => ({
    image,
    files: { [tool]: await realpath(await executable(tool)) },
    lines: [`COPY ${tool} ${path}`, ...lines],
  });
  const inBin = (tool: ToolName): string => `/usr/local/bin/${tool}`;
  return [
    await program(IMAGES.etcd, 'etcd', inBin('etcd'), ['CMD ["/usr/local/bin/etcd"]']),
    await program(IMAGES.kubeApiServer, 'kube-apiserver', inBin('kube-apiserver'), []),
    await program(IMAGES.kubeControllerManager, 'kube-controller-manager', inBin('kube-controller-manager'), []),
    await program(IMAGES.kubectl, 'kubectl', '/bin/kubectl', ['ENTRYPOINT ["/bin/kubectl"]']),
    await program(IMAGES.pebble, 'pebble', '/app', ['ENTRYPOINT ["/app"]']),
    await program(IMAGES.coredns, 'coredns', '/coredns', ['USER 65532:65532', 'ENTRYPOINT ["/coredns"]']),
    await program(IMAGES.temporal, 'temporal', inBin('temporal'), [
      'RUN useradd --uid 1000 temporal',
      'USER temporal',
      'ENTRYPOINT ["temporal"]',
    ]),
  ];
}

function moto(): StandInImage {
  return {
    image: IMAGES.moto,
    files: { 'requirements.txt': REQUIREMENTS },
    lines: [
      'COPY requirements.txt /tmp/',
      'RUN python3 -m venv /opt/moto && /opt/moto/bin/pip install --quiet --no-cache-dir --no-compile -r /tmp/requirements.txt',
      'ENV PATH=/opt/moto/bin:$PATH',
      'ENTRYPOINT ["moto_server", "-H", "0.0.0.0"]',
    ],
  };
}

async function node(): Promise<StandInImage> {
  const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
  const image = /^ARG NODE=(\S+)$/m.exec(dockerfile)?.[1];
  if (image === undefined) throw new Error('the Dockerfile names no Node.js image');
  return {
    image,
    files: { node: join(ROOT, 'node_modules', 'node', 'bin', 'node'), npm: await npmFolder() },
    lines: [
      'COPY node /usr/local/bin/node',
      'COPY npm /usr/local/lib/node_modules/npm',
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && useradd --uid 1000 --create-home node',
      'CMD ["node"]',
    ],
  };
}

/** @returns the folder of the npm package that runs this script, or of the one on the PATH. */
async function npmFolder(): Promise<string> {
  const script =
    process.env['npm_execpath'] ?? join((await runCommand('npm', ['root', '--global'])).trim(), 'npm/bin/npm-cli.js');
  return dirname(dirname(await realpath(script)));
}
