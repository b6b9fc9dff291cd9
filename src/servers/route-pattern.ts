/** Base paths of one route that are told apart; those of a router at '/users/:id' are without end. */
const BASES_APART_MAX = 4;

interface Bases {
  /** Undefined once there were too many. */
  apart: Set<string> | undefined;
  /** Segments that are the same in all, and `*`. */
  merged: string[];
}

/**
 * The patterns of Express' routes. A route knows its own; of what it is mounted on a request has only the path that matched,
 * `/users/42` of `/users/:id`. So when one route has been seen under more than a few, the segments in which these differ
 * become `*`.
 */
export class RoutePatterns {
  private readonly bases = new WeakMap<object, Map<number, Bases>>();

  /** @param route what Express calls so, `request.route`: undefined for none */
  of(route: unknown, baseUrl: string): string | undefined {
    if (typeof route !== 'object' || route === null || !('path' in route)) return undefined;
    const base = this.base(route, baseUrl);
    // The first route of a router is '/', and not what ends its name.
    return base !== '' && route.path === '/' ? base : `${base}${pathText(route.path)}`;
  }

  private base(route: object, baseUrl: string): string {
    if (baseUrl === '') return '';
    const segments = baseUrl.split('/');
    let byLength = this.bases.get(route);
    if (byLength === undefined) this.bases.set(route, (byLength = new Map()));
    // Express matches a fixed number of them, but for wildcards.
    const length = Math.min(segments.length, 2 * BASES_APART_MAX);
    const known = byLength.get(length);
    if (known === undefined) {
      byLength.set(length, { apart: new Set([baseUrl]), merged: segments });
      return baseUrl;
    }
    const { apart, merged } = known;
    if (apart?.has(baseUrl) === true) return baseUrl;
    for (let index = 0; index < merged.length; index += 1) {
      if (merged[index] !== segments[index]) merged[index] = '*';
    }
    if (apart === undefined || apart.size === BASES_APART_MAX) {
      known.apart = undefined;
      return merged.join('/');
    }
    apart.add(baseUrl);
    return baseUrl;
  }
}

/** A text, a regular expression, or several of them. */
function pathText(path: unknown): string {
  return Array.isArray(path) ? path.map(String).join('|') : String(path);
}
