/** Checks for the compilers and package managers that builds need, before any of them starts. */
import { LocalStackError } from '../local-stack-error.ts';
import type { Recipe, Tool } from '../versions.ts';
import { locateGo } from './go-toolchain.ts';
import { onPath, outputOf } from './locate-executable.ts';

interface MissingToolchain {
  /** The toolchain, and the tools that need it. */
  readonly message: string;
  /** Packages that contain it, by package manager. */
  readonly packages: Readonly<Record<PackageManager, readonly string[]>>;
}

type PackageManager = 'apt-get' | 'dnf' | 'brew';

const INSTALL_COMMANDS: Readonly<Record<PackageManager, string>> = {
  'apt-get': 'apt-get install -y',
  dnf: 'dnf install -y',
  brew: 'brew install',
};

const PYTHON_CHECK = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))';
const MIN_JAVA_VERSION = 17;

/**
 * Checks that tools can be built.
 * @throws LocalStackError naming every missing toolchain, and one command that installs all.
 */
export async function requireToolchains(tools: readonly Tool[]): Promise<void> {
  const users = (kind: Recipe['kind']): string =>
    tools
      .filter(({ recipe }) => recipe.kind === kind)
      .map(({ name }) => name)
      .join(', ');
  const [go, python, maven] = [users('go'), users('python'), users('maven')];
  const hasPython = await isPythonUsable();
  const lacks: MissingToolchain[] = [];
  const goByPython = go !== '' && (await locateGo()) === undefined;
  if ((python !== '' || goByPython) && !hasPython) {
    const what = [python, ...(goByPython ? ['Go, which builds the others'] : [])].filter((word) => word !== '');
    lacks.push({
      message: `Python 3.10 or newer with its venv module, for ${what.join(', and for ')}`,
      packages: { 'apt-get': ['python3-venv'], dnf: ['python3'], brew: ['python'] },
    });
  }
  if (maven !== '' && !(await isJavaUsable())) {
    lacks.push({
      message: `a Java runtime 17 or newer, for ${maven}`,
      packages: { 'apt-get': ['default-jre-headless'], dnf: ['java-21-openjdk-headless'], brew: ['--cask', 'temurin'] },
    });
  }
  if (maven !== '' && onPath('mvn') === undefined) {
    lacks.push({
      message: `Maven, for ${maven}`,
      packages: { 'apt-get': ['maven'], dnf: ['maven'], brew: ['maven'] },
    });
  }
  if (lacks.length > 0) throw missingToolchainsError(lacks);
}

async function isPythonUsable(): Promise<boolean> {
  return (await outputOf('python3', ['-c', PYTHON_CHECK])) !== undefined;
}

async function isJavaUsable(): Promise<boolean> {
  // `version "17.0.15"`; up to Java 8 the first number is 1.
  const version = /version "(\d+)/.exec((await outputOf('java', ['-version'])) ?? '')?.[1];
  return Number(version ?? 0) >= MIN_JAVA_VERSION;
}

function missingToolchainsError(lacks: readonly MissingToolchain[]): LocalStackError {
  const managers = Object.keys(INSTALL_COMMANDS) as readonly PackageManager[];
  const manager = managers.find((name) => onPath(name) !== undefined);
  const list = lacks.map(({ message }) => `  - ${message}`).join('\n');
  const packages = manager === undefined ? [] : lacks.flatMap((lack) => lack.packages[manager]);
  return new LocalStackError({
    message: `Some local parts cannot be built without:\n${list}`,
    remedy:
      manager === undefined
        ? 'Install these, and try again.'
        : `${process.getuid?.() === 0 || manager === 'brew' ? '' : 'sudo '}${INSTALL_COMMANDS[manager]} ${packages.join(' ')}\n  Then try again.`,
  });
}
