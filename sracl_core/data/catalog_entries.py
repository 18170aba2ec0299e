"""What is known of each public data set: address, size, checksum, terms, citation.

Checksums of MovieLens are of the archives whose MD5 GroupLens publishes, that of Beauty's reviews is in
several published reproductions; where none is given, the file that is fetched first is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch. size in bytes and sha256 are None where nobody published them."""

    name: str
    url: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Entry:
    """A data set; `manual` says how to get one that may not be fetched without its terms."""

    name: str
    about: str
    reader: str
    licence: str
    citation: str
    page: str
    files: tuple[RemoteFile, ...] = ()
    manual: str = ""
    bundled: bool = False

    @property
    def size(self) -> int | None:
        """Bytes to fetch, None where not known."""
        sizes = [file.size for file in self.files]
        return sum(size for size in sizes if size) if sizes and all(sizes) else None


_MCAULEY_2014 = (
    "He, McAuley: Ups and Downs: Modeling the Visual Evolution of Fashion Trends with One-Class "
    "Collaborative Filtering, WWW 2016; McAuley, Targett, Shi, van den Hengel: Image-based Recommendations "
    "on Styles and Substitutes, SIGIR 2015"
)
_HOU_2024 = (
    "Hou, Li, He, Yan, Chen, McAuley: Bridging Language and Items for Retrieval and Recommendation, "
    "arXiv 2403.03952"
)
_HARPER_2015 = "Harper, Konstan: The MovieLens Datasets: History and Context, ACM TiiS 5(4), 2015"
_MOVIELENS_TERMS = "research use; redistribution under the same terms; no endorsement (see its README)"
_AMAZON_TERMS = "research use; no licence is stated by its authors"


def _amazon_2014(name: str, category: str, counts: str, reviews_sha256: str | None = None) -> Entry:
    base = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles"
    reviews, meta = f"reviews_{category}_5.json.gz", f"meta_{category}.json.gz"
    return Entry(
        name=name,
        about=f"Amazon 2014 {category.replace('_', ' ')}, 5-core: {counts}",
        reader="amazon2014",
        licence=_AMAZON_TERMS,
        citation=_MCAULEY_2014,
        page="https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html",
        files=(
            RemoteFile(reviews, f"{base}/{reviews}", sha256=reviews_sha256),
            RemoteFile(meta, f"{base}/{meta}"),
        ),
    )


def amazon_2023(category: str) -> Entry:
    """A category of Amazon Reviews 2023."""
    base = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023/raw"
    reviews, meta = f"{category}.jsonl.gz", f"meta_{category}.jsonl.gz"
    return Entry(
        name=f"amazon2023-{category}",
        about=f"Amazon 2023 {category.replace('_', ' ')}: all reviews and product metadata",
        reader="amazon2023",
        licence=_AMAZON_TERMS,
        citation=_HOU_2024,
        page="https://amazon-reviews-2023.github.io/",
        files=(
            RemoteFile(reviews, f"{base}/review_categories/{reviews}"),
            RemoteFile(meta, f"{base}/meta_categories/{meta}"),
        ),
    )


def _movielens(name: str, about: str, size: int | None = None, sha256: str | None = None) -> Entry:
    archive = f"{name}.zip"
    url = f"https://files.grouplens.org/datasets/movielens/{archive}"
    return Entry(
        name=name,
        about=f"MovieLens {about}",
        reader="movielens",
        licence=_MOVIELENS_TERMS,
        citation=_HARPER_2015,
        page="https://grouplens.org/datasets/movielens/",
        files=(RemoteFile(archive, url, size, sha256),),
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="sample",
        about="a small invented shop that comes with the product",
        reader="table",
        licence="MIT, as the product",
        citation="synthetic; see sample_data/README.md",
        page="",
        bundled=True,
    ),
    _amazon_2014(
        "amazon-beauty",
        "Beauty",
        "22,363 users, 198,502 reviews",
        "e5925ec99023f1dc9c7d3dff7ef34cfeacd40d1b981b5525e1e4ba9c8abc18fe",
    ),
    _amazon_2014("amazon-sports", "Sports_and_Outdoors", "35,598 users, 296,337 reviews"),
    _amazon_2014("amazon-office", "Office_Products", "4,905 users, 53,258 reviews"),
    _amazon_2014("amazon-toys", "Toys_and_Games", "19,412 users, 167,597 reviews"),
    Entry(
        name="yelp",
        about="Yelp Open Dataset; the paper keeps 2019 on: --since 2019-01-01",
        reader="yelp",
        licence="Yelp Dataset Terms of Use (academic, to be accepted by each user)",
        citation="Yelp Open Dataset, https://business.yelp.com/data/resources/open-dataset/",
        page="https://business.yelp.com/data/resources/open-dataset/",
        manual="accept the terms at https://business.yelp.com/data/resources/open-dataset/, download the "
        "JSON archive and put its yelp_academic_dataset_review.json and yelp_academic_dataset_business.json "
        "into this folder",
    ),
    # GroupLens renews this one in place, so no checksum can hold; the one fetched is recorded.
    _movielens("ml-latest-small", "latest small: 100 thousand ratings, renewed now and then"),
    _movielens(
        "ml-100k",
        "100K: 100 thousand ratings",
        4924029,
        "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    ),
    _movielens(
        "ml-1m",
        "1M: 1 million ratings",
        5917549,
        "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    ),
    _movielens(
        "ml-20m",
        "20M: 20 million ratings",
        198702078,
        "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
    ),
    _movielens(
        "ml-25m",
        "25M: 25 million ratings",
        261978986,
        "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
    ),
    _movielens(
        "ml-32m",
        "32M: 32 million ratings",
        238950008,
        "e4a68655d7386b8f95f2f2424b2ff975dfdd15ffd59e0d864a14dca43e99d6ee",
    ),
)

AMAZON_2023_CATEGORIES = (
    "All_Beauty",
    "Amazon_Fashion",
    "Appliances",
    "Arts_Crafts_and_Sewing",
    "Automotive",
    "Baby_Products",
    "Beauty_and_Personal_Care",
    "Books",
    "CDs_and_Vinyl",
    "Cell_Phones_and_Accessories",
    "Clothing_Shoes_and_Jewelry",
    "Digital_Music",
    "Electronics",
    "Gift_Cards",
    "Grocery_and_Gourmet_Food",
    "Handmade_Products",
    "Health_and_Household",
    "Health_and_Personal_Care",
    "Home_and_Kitchen",
    "Industrial_and_Scientific",
    "Kindle_Store",
    "Magazine_Subscriptions",
    "Movies_and_TV",
    "Musical_Instruments",
    "Office_Products",
    "Patio_Lawn_and_Garden",
    "Pet_Supplies",
    "Software",
    "Sports_and_Outdoors",
    "Subscription_Boxes",
    "Tools_and_Home_Improvement",
    "Toys_and_Games",
    "Unknown",
    "Video_Games",
)
