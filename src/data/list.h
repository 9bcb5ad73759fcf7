/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_LIST_H
#define SPS_DATA_LIST_H
/* What can be read.  A new set is a line here; a new format is a file that defines sps_format_<name>, and a line. */

/* X(name): sps_format_<name>, declared in format.h.  A folder or file given by path is read by the first that knows it.
 */
#define SPS_DATA_FORMAT_LIST(X)                                                                                        \
    X(idx)                                                                                                             \
    X(svhn)                                                                                                            \
    X(stl10)                                                                                                           \
    X(cifar100)                                                                                                        \
    X(cifar)

/* X(name, format, summary, how to get it, class names...) */
#define SPS_DATASET_LIST(X)                                                                                            \
    X("fashion-mnist", idx, "clothes, 28 x 28 grey, 60,000 + 10,000", "apt install dataset-fashion-mnist",             \
      "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")        \
    X("mnist", idx, "handwritten digits, 28 x 28 grey, 60,000 + 10,000",                                               \
      "download the four files from https://ossci-datasets.s3.amazonaws.com/mnist/ into such a folder", "0", "1", "2", \
      "3", "4", "5", "6", "7", "8", "9")                                                                               \
    X("kmnist", idx, "cursive Japanese, 28 x 28 grey, 60,000 + 10,000",                                                \
      "download the four files of Kuzushiji-MNIST from http://codh.rois.ac.jp/kmnist/ into such a folder", "o", "ki",  \
      "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")                                                                 \
    X("notmnist", idx, "letters in many fonts, 28 x 28 grey",                                                          \
      "download the IDX files from https://github.com/davidflanagan/notMNIST-to-MNIST into such a folder", "A", "B",   \
      "C", "D", "E", "F", "G", "H", "I", "J")                                                                          \
    X("cifar10", cifar, "objects and animals, 32 x 32 colour, 50,000 + 10,000",                                        \
      "unpack https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz and move its .bin files into such a folder",     \
      "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")                        \
    X("cifar100", cifar100, "objects and animals, 32 x 32 colour, 100 classes, 50,000 + 10,000",                       \
      "unpack https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz and move its .bin files into such a folder",    \
      "apple", "aquarium fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",  \
      "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock", \
      "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",        \
      "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn mower", "leopard", "lion",    \
      "lizard", "lobster", "man", "maple tree", "motorcycle", "mountain", "mouse", "mushroom", "oak tree", "orange",   \
      "orchid", "otter", "palm tree", "pear", "pickup truck", "pine tree", "plain", "plate", "poppy", "porcupine",     \
      "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",        \
      "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet pepper", "table", "tank", \
      "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",         \
      "willow tree", "wolf", "woman", "worm")                                                                          \
    X("stl10", stl10, "objects and animals, 96 x 96 colour, 5,000 + 8,000",                                            \
      "unpack http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz and move its .bin files into such a folder",   \
      "airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")                             \
    X("svhn", svhn, "house numbers, 32 x 32 colour, 73,257 + 26,032",                                                  \
      "download train_32x32.mat and test_32x32.mat from http://ufldl.stanford.edu/housenumbers/ into such a folder",   \
      "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
#endif
