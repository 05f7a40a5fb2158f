/**
 * Recognises the small compiles by which configure, CMake, Meson, SCons, Kbuild and Python's distutils find out what a compiler can
 * do. They are made of one tiny file each, or none, and wait for their answer: nothing is gained by sending them.
 *
 * @module
 */

const sources = /^(?:conftest(?:[0-9]*|_[0-9a-f]+_[0-9]+)\.|_configtest\.|CMake(?:C|CXX)CompilerId\.|CMake(?:C|CXX)CompilerABI\.)/;
const directories = /\/(?:CMakeFiles\/(?:CMakeTmp|CMakeScratch|TryCompile-[^/]*|[0-9.]+\/CompilerId(?:C|CXX))|meson-private)(?:\/|$)/;

const nothing = '/dev/null';

/**
 * @param cwd working directory
 * @param paths source paths as the command names them
 * @param destination where the object goes, if it is named
 */
export const isProbe = (cwd: string, paths: readonly string[], destination?: string): boolean =>
  paths.includes(nothing) || (destination === nothing && paths.includes('-'))
  || directories.test(`${cwd}/`) || paths.some(path => sources.test(path.slice(path.lastIndexOf('/') + 1)) || directories.test(path));
