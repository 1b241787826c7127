"""Convolution and its gradients as matrix products.

LiteRT runs a convolution whose kernel is a variable on its slow path; matrix products of variables are fast, if their
matrices are wide. So a row of output pixels, or a tile of it, is computed at once, by a *banded* matrix that repeats
the kernel along its diagonal (a Toeplitz matrix):

    patches [1, n*ho*tiles, kh*u*c]  @  band [1, kh*u*c, t*f]  =  outputs [1, n*ho*tiles, t*f]

where a tile is t neighbouring outputs, and u the columns of the image that they see. The products with zeros cost less
than what they save: channels are few in models that devices train, and patches of many pixels are copied in long runs.
A tile of one pixel is the well-known im2col. The gradients are the products' own: of the patches, put back to
where they were taken from, and of the band, summed along its diagonals.

Patches and bands are made by the same operations wherever they are needed, so that the converter makes them once. The
products are batches of one: the converter makes something slower of a product of two plain matrices and a bias.
"""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from plan_toolkit.windows import Axis, convolution_axes

Tensor = Any

# Measured on an AVX-512 core, in nanoseconds: a multiplication, where the right matrix is wide enough; copying a
# number; beginning a run of neighbouring numbers. Only their proportions matter.
_PRODUCT_NS, _WIDE_ENOUGH = 0.016, 32
_COPY_NS, _RUN_NS = 0.25, 4.0
# That a plan holds to join one border on.
_MOST_ZEROS = 2048


@dataclass(frozen=True, slots=True)
class Convolution:
    """The sizes of one convolution, into how many tiles its output rows are cut, and the order of a tile's outputs."""

    images: int
    down: Axis
    across: Axis
    channels: int
    filters: int
    tiles: int
    strands: int = 1
    """A tile holds first every so-many-th output, beginning with its first, then with its second, and so on."""

    @classmethod
    def of(cls, op: Any) -> Self:
        """Of a Conv2D. Raises OperationUnsupported."""
        down, across = convolution_axes(op)
        n, channels, filters = int(op.inputs[0].shape[0]), int(op.inputs[1].shape[2]), int(op.inputs[1].shape[3])
        choices = [
            cls(n, down, across, channels, filters, tiles)
            for tiles in range(1, across.count + 1)
            if across.count % tiles == 0
        ]
        return min(choices, key=cls._cost_ns)

    @property
    def outputs(self) -> int:
        """In a tile: t."""
        return self.across.count // self.tiles

    @property
    def columns(self) -> int:
        """That a tile sees: u. A tile that is the whole row sees the whole image and no padding."""
        if self.tiles == 1:
            return self.across.size
        return (self.outputs - 1) * self.across.stride + self.across.window

    @property
    def rows(self) -> int:
        """Of patches, and of outputs as `flat` has them."""
        return self.images * self.down.count * self.tiles

    @property
    def patch(self) -> int:
        return self.down.window * self.columns * self.channels

    @property
    def width(self) -> int:
        return self.outputs * self.filters

    def _cost_ns(self) -> float:
        runs, copied = self.rows * self.down.window, self.rows * self.patch + self.patch * self.width
        if self.tiles > 1:
            # Cut out one by one, and put back by adding images.
            lines = self.images * self.down.size * self.tiles
            runs += lines
            copied += lines * self.across.size * self.channels
        slowness = max(1.0, _WIDE_ENOUGH / self.width)
        return self.rows * self.patch * self.width * slowness * _PRODUCT_NS + copied * _COPY_NS + runs * _RUN_NS

    def diagonals(self) -> NDArray[np.float32]:
        """[u, t, kw]: 1 where column u meets output t through the kernel's column kw."""
        before = self.across.before if self.tiles == 1 else 0
        column, output, offset = np.ogrid[: self.columns, : self.outputs, : self.across.window]
        output = output.reshape(-1, self.strands).T.reshape(1, -1, 1)
        meet: NDArray[np.bool_] = column + before == output * self.across.stride + offset
        return meet.astype(np.float32)


def convolved(convolution: Convolution, images: Tensor, kernel: Tensor) -> Tensor:
    """The outputs, a tile in a row: [1, n*ho*tiles, t*f]."""
    return tf.matmul(_patches(convolution, images), _band(convolution, kernel))


def convolution_gradient(op: Any, upstream: Tensor) -> list[Tensor]:
    """Of Conv2D: by the images [n,h,w,c] and by the kernel [kh,kw,c,f]."""
    images, kernel = op.inputs
    return gradients(Convolution.of(op), images, kernel, upstream)


def gradients(convolution: Convolution, images: Tensor, kernel: Tensor, upstream: Tensor) -> list[Tensor]:
    """By `images` and `kernel`; `upstream` has as many numbers as the outputs, in their order."""
    flat = tf.reshape(upstream, [1, convolution.rows, convolution.width])
    by_patches = tf.matmul(flat, _transposed_band(convolution, kernel))
    by_band = tf.matmul(_patches(convolution, images), flat, transpose_a=True)
    return [_put_back(convolution, by_patches), _kernel_of(convolution, by_band)]


def _patches(sizes: Convolution, images: Tensor) -> Tensor:
    """[1, n*ho*tiles, kh*u*c]."""
    n, seen, stride = sizes.images, sizes.columns * sizes.channels, sizes.down.stride
    if sizes.tiles > 1:
        images = tf.concat([_window(images, 2, start, sizes.columns) for start in _tile_starts(sizes)], 2)
    groups = -(-sizes.down.size // stride)
    grouped = tf.reshape(_window(images, 1, 0, groups * stride), [n, groups, stride * sizes.tiles, seen])
    pieces = []
    for offset in range(sizes.down.window):
        group, row = divmod(offset - sizes.down.before, stride)
        piece = _window(grouped, 2, row * sizes.tiles, sizes.tiles)
        pieces.append(_window(piece, 1, group, sizes.down.count))
    return tf.reshape(tf.concat(pieces, 3), [1, sizes.rows, sizes.patch])


def _put_back(sizes: Convolution, patches: Tensor) -> Tensor:
    """The transpose of `_patches`: each number is added where it was taken from."""
    n, seen, stride = sizes.images, sizes.columns * sizes.channels, sizes.down.stride
    patches = tf.reshape(patches, [n, sizes.down.count, sizes.tiles, sizes.down.window * seen])
    groups = -(-sizes.down.size // stride)
    by_row: list[list[Tensor]] = [[] for _ in range(stride)]
    for offset in range(sizes.down.window):
        group, row = divmod(offset - sizes.down.before, stride)
        by_row[row].append(_window(patches, 1, -group, groups, columns=(offset * seen, seen)))
    empty = tf.zeros([n, groups, sizes.tiles, seen], patches.dtype)
    grouped = tf.concat([_sum(pieces) if pieces else empty for pieces in by_row], 2)
    tiled = tf.reshape(grouped, [n, groups * stride, sizes.tiles * sizes.columns, sizes.channels])
    tiled = _window(tiled, 1, 0, sizes.down.size)
    if sizes.tiles == 1:
        return tiled
    tiles = [_window(tiled, 2, number * sizes.columns, sizes.columns) for number in range(sizes.tiles)]
    placed = zip(tiles, _tile_starts(sizes), strict=True)
    return _sum([_window(tile, 2, -start, sizes.across.size) for tile, start in placed])


def _tile_starts(sizes: Convolution) -> list[int]:
    """The image's column at which each tile's columns begin; negative in the padding."""
    return [number * sizes.outputs * sizes.across.stride - sizes.across.before for number in range(sizes.tiles)]


def _sum(tensors: list[Tensor]) -> Tensor:
    total, *rest = tensors
    for tensor in rest:
        total += tensor
    return total


def _window(x: Tensor, axis: int, start: int, extent: int, columns: tuple[int, int] | None = None) -> Tensor:
    """`extent` elements of an axis from `start` on; zeros lie outside of `x`.

    With `columns`, a start and an extent within `x`, only so much of the last axis: one slice is cheaper than two.
    """
    shape = [int(size) for size in x.shape]
    first, last = max(start, 0), min(start + extent, shape[axis])
    begin, size = [0] * len(shape), list(shape)
    if columns is not None:
        begin[-1], size[-1] = columns
    if last <= first:
        size[axis] = extent
        return tf.zeros(size, x.dtype)
    begin[axis], size[axis] = first, last - first
    if size != shape:
        x = tf.slice(x, begin, size)
    return _extended(x, axis, first - start, start + extent - last)


def _extended(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    """With so many zeros along an axis. Few zeros are joined on, which is faster; many would make the plan large."""
    if not before and not after:
        return x
    shape = [int(size) for size in x.shape]
    if (before + after) * math.prod(shape) // shape[axis] > _MOST_ZEROS:
        return tf.pad(x, [(before, after) if i == axis else (0, 0) for i in range(len(shape))])
    zeros = [tf.zeros([*shape[:axis], count, *shape[axis + 1 :]], x.dtype) for count in (before, after)]
    return tf.concat([part for part in (zeros[0], x, zeros[1]) if part.shape[axis]], axis)


def _band(sizes: Convolution, kernel: Tensor) -> Tensor:
    """[1, kh*u*c, t*f]."""
    return tf.reshape(tf.transpose(_along_diagonals(sizes, kernel), [0, 1, 3, 2, 4]), [1, sizes.patch, sizes.width])


def _transposed_band(sizes: Convolution, kernel: Tensor) -> Tensor:
    """[1, t*f, kh*u*c]."""
    return tf.reshape(tf.transpose(_along_diagonals(sizes, kernel), [2, 4, 0, 1, 3]), [1, sizes.width, sizes.patch])


def _along_diagonals(sizes: Convolution, kernel: Tensor) -> Tensor:
    """[kh, u, t, c, f]."""
    kh, kw = sizes.down.window, sizes.across.window
    diagonals = np.broadcast_to(sizes.diagonals().reshape(1, -1, kw), (kh, sizes.columns * sizes.outputs, kw))
    spread = tf.matmul(tf.constant(diagonals), tf.reshape(kernel, [kh, kw, sizes.channels * sizes.filters]))
    return tf.reshape(spread, [kh, sizes.columns, sizes.outputs, sizes.channels, sizes.filters])


def _kernel_of(sizes: Convolution, band: Tensor) -> Tensor:
    """The transpose of `_band`: the sums along the diagonals, [kh, kw, c, f]."""
    kh, kw, c, f = sizes.down.window, sizes.across.window, sizes.channels, sizes.filters
    apart = tf.transpose(tf.reshape(band, [kh, sizes.columns, c, sizes.outputs, f]), [0, 1, 3, 2, 4])
    diagonals = np.broadcast_to(sizes.diagonals().reshape(1, -1, kw), (kh, sizes.columns * sizes.outputs, kw))
    summed = tf.matmul(
        tf.constant(np.ascontiguousarray(diagonals.transpose(0, 2, 1))),
        tf.reshape(apart, [kh, sizes.columns * sizes.outputs, c * f]),
    )
    return tf.reshape(summed, [kh, kw, c, f])
