/** Finds the place in a YAML or JSON config that a problem speaks of. Never guesses. */
import type { Node, Scalar, YAMLSeq } from "yaml";
import { isSecretName } from "../../config/check-values.ts";
import type { ConfigProblem, Position } from "../../config/problem.ts";
import { positionOf } from "../locate.ts";
import { functionName } from "./names.ts";
import { parseData, yaml } from "./parse.ts";

type Path = ConfigProblem["path"];

interface Reached {
  readonly node: Node;
  /** The key under which it stands. */
  readonly key?: Node;
  readonly complete: boolean;
}

/** The place of what `path` leads to, or of the `needle` inside it. */
export function locateData(
  source: string,
  { path, needle }: Pick<ConfigProblem, "path" | "needle">,
): Position | undefined {
  const { document } = parseData(source);
  const root: Node | null = document.contents;
  if (root === null || (path.length === 0 && needle === undefined)) return undefined;
  const at = (node: Node, length?: number): Position | undefined => {
    if (!node.range) return undefined;
    const [start, end] = node.range;
    const lineEnd = source.indexOf("\n", start);
    return positionOf(
      source,
      start,
      length === undefined ? Math.min(end, lineEnd < 0 ? end : lineEnd) : start + length,
    );
  };

  const reached = follow(root, path);
  const { key, node, complete } = reached;
  if (complete && isScalar(key) && key.value === needle) return at(key);
  if (needle !== undefined) {
    const inside = scalarsIn(node).filter(({ value }) => value === needle);
    const all = inside.length > 0 ? inside : scalarsIn(root).filter(({ value }) => value === needle);
    const [hit] = complete && path.length > 0 && inside.length > 0 ? inside : all.length === 1 ? all : [];
    if (hit) return at(hit);
  }
  if (node === root) return undefined;
  if (isScalar(node)) {
    const position = at(node);
    // An excerpt shows what is marked, and this may be a key.
    return position && path.some((part) => isSecretName(String(part))) ? { line: position.line } : position;
  }
  if (key) return at(key);
  const name = isSeq(node) && path[0] === "plugins" ? node.items[0] : undefined;
  return isScalar(name) ? at(name) : at(node, 1);
}

/** A plugin is found by its place in the list or by the name of its function. */
function follow(root: Node, path: Path): Reached {
  const [first, plugin, ...inside] = path;
  if (first !== "plugins" || plugin === undefined) return walk(root, path);
  const list = walk(root, [first]);
  const entry = list.complete ? entryOf(list.node, plugin) : undefined;
  if (!entry) return { ...list, complete: false };
  // A plugin that complains begins with the name of its function; so does what a plugin of several calls.
  const rest = inside[0] === nameOf(entry) ? inside.slice(1) : inside;
  if (rest.length === 0) return { node: entry, complete: true };
  const options = isSeq(entry) ? entry.items.slice(1).filter(isNode) : [];
  const tries = options.map((node) => walk(node, rest));
  // What leads nowhere in the options is about the plugin itself.
  const further =
    tries.find((each) => each.complete) ?? tries.find((each) => each.node !== options[tries.indexOf(each)]);
  return further ?? { node: entry, complete: false };
}

/** As far as the text goes. */
function walk(root: Node, path: Path): Reached {
  let reached: Reached = { node: root, complete: true };
  for (const part of path) {
    const inner = step(reached.node, part);
    if (!inner) return { ...reached, complete: false };
    reached = { ...inner, complete: true };
  }
  return reached;
}

function entryOf(list: Node, part: string | number): Node | undefined {
  if (!isSeq(list)) return undefined;
  if (typeof part === "number") return step(list, part)?.node;
  const named = list.items.filter(isNode).filter((node) => nameOf(node) === part);
  return named.length === 1 ? named[0] : undefined;
}

/** The function a plugin's entry calls. */
function nameOf(entry: Node): string | undefined {
  const name = isSeq(entry) ? entry.items[0] : entry;
  return isScalar(name) && typeof name.value === "string" ? functionName(name.value) : undefined;
}

function step(node: Node, part: string | number): { readonly node: Node; readonly key?: Node } | undefined {
  if (isSeq(node)) {
    const item = typeof part === "number" ? node.items[part] : undefined;
    return isNode(item) ? { node: item } : undefined;
  }
  if (!yaml().isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
  if (!pair || !isNode(pair.key)) return undefined;
  return { key: pair.key, node: isNode(pair.value) ? pair.value : pair.key };
}

function scalarsIn(node: Node): Scalar[] {
  const found: Scalar[] = [];
  yaml().visit(node, { Scalar: (_key, scalar) => void found.push(scalar) });
  return found;
}

const isNode = (value: unknown): value is Node => yaml().isNode(value);
const isSeq = (value: unknown): value is YAMLSeq => yaml().isSeq(value);
const isScalar = (value: unknown): value is Scalar => yaml().isScalar(value);
